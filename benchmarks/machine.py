"""The machine's own limits, measured in the same run as everything else."""

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import least

_READ = 64 << 20


def machine() -> dict[str, Any]:
    """What it is, how busy it is, and how fast it reads, copies, multiplies and draws."""
    source = np.ones(_READ // 8)
    target = np.empty_like(source)
    square = np.random.default_rng(1).random((1000, 1000))
    product = np.empty_like(square)
    draws, random = np.empty(1_000_000), np.random.default_rng(1)
    read = least(lambda: source.max(), 0.3)
    copy = least(lambda: np.copyto(target, source), 0.3)
    multiply = least(lambda: np.matmul(square, square, out=product), 0.5)
    draw = least(lambda: random.standard_normal(out=draws), 0.5)
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "read_gb_s": round(_READ / read / 1e9, 1),
        "copy_gb_s": round(2 * _READ / copy / 1e9, 1),
        "matmul_gflop_s": round(2 * 1000**3 / multiply / 1e9, 1),
        "normal_ns": round(draw * 1e3, 2),
    }


def read_seconds(size: int) -> float:
    """How long it takes to read so many bytes once, from wherever so many bytes lie."""
    source = np.ones(max(1, size // 8))
    return least(lambda: source.max(), 0.5)


def _cpu() -> str:
    try:
        with Path("/proc/cpuinfo").open() as lines:
            names = (line.partition(":")[2].strip() for line in lines if "model name" in line)
            return next(names, platform.processor())
    except OSError:
        return platform.processor()
