"""The figures of a drill, on standard output, where `make soak` shows them."""

import sys


def tell(line: str) -> None:
    """Print one line."""
    sys.stdout.write(f"\n{line}\n")
    sys.stdout.flush()
