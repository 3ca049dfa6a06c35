"""One writing process to a journal: a lock that the kernel lets go when its holder dies.

Two writers with their own checkpoints are what corrupts a WAL database before SQLite 3.51.3.
"""

import fcntl
from pathlib import Path
from typing import BinaryIO

from consumers.errors import JournalOpenError


def claim(path: Path) -> BinaryIO:
    """Hold the journal at `path` until the file that is returned is closed.

    Raises JournalOpenError when another process, or another journal of this one, writes it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.with_name(f"{path.name}.lock").open("ab")
    except OSError as error:
        raise JournalOpenError(path, str(error)) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise JournalOpenError(path, "another process writes it; give each a folder") from None
    return file
