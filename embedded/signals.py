"""An orderly end on Ctrl-C, SIGTERM or a closed terminal."""

import signal
import threading


def stop_on_signals() -> threading.Event:
    """An event that is set by the first such signal. For the main thread."""
    stop = threading.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup asks for
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, lambda *_: stop.set())
    return stop
