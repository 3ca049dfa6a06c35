"""An orderly end on Ctrl-C, SIGTERM or a closed terminal."""

import os
import signal
import threading


def stop_on_signals() -> threading.Event:
    """An event that is set by the first such signal. For the main thread, once.

    Python's own handlers run on the main thread alone, between two of its steps: one that waits for
    the event may hold the event's lock just then, and one that is on its way into a long wait gets
    to no further step. So the interpreter writes the signal's number into a pipe at once, and a
    thread sets the event.
    """
    stop = threading.Event()
    numbers = {signal.SIGINT, signal.SIGTERM}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup asks for
        numbers.add(signal.SIGHUP)
    caught, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda _number, _frame: None)

    def pass_on() -> None:
        while not numbers.intersection(os.read(caught, 64)):
            pass
        stop.set()

    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    return stop
