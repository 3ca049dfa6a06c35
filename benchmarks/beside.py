"""Runs the peers in the environment that has them, and asks what they took."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def interpreter() -> str:
    """The Python of `make bench-env`, or this one where there is none."""
    own = ROOT / ".venv-bench" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def peers(kind: str, seconds: float, **arrays: Any) -> dict[str, float | None]:
    """Seconds by peer on these arrays; empty when the peers' environment fails as a whole."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.npz"
        np.savez(path, **arrays)
        command = [
            interpreter(),
            "-W",
            "ignore",
            "-m",
            "benchmarks.peers",
            kind,
            str(path),
            str(seconds),
        ]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
        )
    if done.returncode:
        return {}
    found: dict[str, float | None] = json.loads(done.stdout.splitlines()[-1])
    return found
