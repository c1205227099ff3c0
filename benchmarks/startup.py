"""Import time, and memory after the import, in fresh processes."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measurements import Measurement

__all__ = ["benchmarks"]

_PROGRAM = """
import time
start = time.perf_counter()
import {module}
elapsed = time.perf_counter() - start
pages = int(open("/proc/self/statm").read().split()[1])
print(elapsed, pages)
"""
_PAGE = 4096


def benchmarks() -> list[Measurement]:
    """Runs all measurements."""
    times: dict[str, float] = {}
    sizes: dict[str, float] = {}
    for _ in range(5):
        for name, module in (("ryft", "ryft"), ("JAX", "jax")):
            command = [sys.executable, "-c", _PROGRAM.format(module=module)]
            elapsed, pages = map(float, subprocess.run(command, capture_output=True, check=True).stdout.split())
            times[name] = min(times.get(name, elapsed), elapsed)
            sizes[name] = min(sizes.get(name, pages * _PAGE), pages * _PAGE)
    return [
        Measurement("import", times, {"JAX": 0.3}),
        Measurement("memory after the import", sizes, {"JAX": 0.6}, unit="B"),
    ]
