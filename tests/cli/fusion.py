"""`fusion` as a person starts it."""

import os
import subprocess
import sys
from pathlib import Path

FUSION = (sys.executable, "-m", "cli.main")


def fusion(
    *arguments: str | Path, cwd: Path, timeout: float = 60, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run to the end; the exit status and what it wrote."""
    return subprocess.run(
        [*FUSION, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
