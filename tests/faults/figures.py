"""The figures that a drill shows."""

import sys


def show(text: str) -> None:
    """On standard output, a line of its own."""
    sys.stdout.write(f"{text}\n")
