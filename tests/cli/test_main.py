"""The command itself is quick: nothing heavy is imported before a sub-command needs it."""

import subprocess
import sys
from pathlib import Path

from tests.cli.fusion import fusion

HEAVY = ("google", "grpc", "streamlit", "numpy", "pandas", "pydantic", "structlog")


def test_help_names_the_commands(tmp_path: Path) -> None:
    ran = fusion("--help", cwd=tmp_path)
    assert ran.returncode == 0
    for name in ("run", "worker", "doctor", "broker"):
        assert name in ran.stdout


def test_nothing_heavy_is_imported_for_help() -> None:
    code = f"import cli.main, sys; print([m for m in {HEAVY} if m in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert ran.stdout == "[]\n"
