"""An orderly end on Ctrl-C, SIGTERM or a closed terminal."""

import queue
import signal
import threading


def stop_on_signals() -> threading.Event:
    """An event that is set by the first such signal. For the main thread.

    A handler runs wherever the main thread happens to be, perhaps inside the event's own lock while
    it waits for it: setting the event there would wait for ever. So the handler only puts into a
    queue that is made for that, and a thread sets the event.
    """
    stop, caught = threading.Event(), queue.SimpleQueue[int]()

    def pass_on() -> None:
        caught.get()
        stop.set()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup asks for
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, lambda number, _frame: caught.put(number))
    threading.Thread(target=pass_on, name="signals", daemon=True).start()
    return stop
