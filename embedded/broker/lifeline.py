"""A child that does not outlive its parent.

The parent keeps the write end of the child's standard input: the kernel closes it when the parent
dies, however that happens. In case another process inherited that end, the parent's id is looked at
once a second too. (Linux' PR_SET_PDEATHSIG is not used: it fires when the *thread* that started the
child ends, and supervisors start children from threads.)
"""

import asyncio
import os

_LOOK_S = 1.0


async def parent_gone(parent: int, stdin: int) -> None:
    """Return when `stdin` (a descriptor) is at its end or `parent` is no longer our parent."""
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    def readable() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            closed.set()

    loop.add_reader(stdin, readable)
    try:
        while os.getppid() == parent and not closed.is_set():
            try:
                await asyncio.wait_for(closed.wait(), _LOOK_S)
            except TimeoutError:
                continue
    finally:
        loop.remove_reader(stdin)
