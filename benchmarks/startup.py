"""Import time, and memory after the import, in fresh processes whose modules are compiled to bytecode already."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from benchmarks.measurements import Measurement

__all__ = ["benchmarks"]

# Processor time, which other work on the machine hardly changes.
_PROGRAM = """
import time
start = time.process_time()
import {module}
elapsed = time.process_time() - start
pages = int(open("/proc/self/statm").read().split()[1])
print(elapsed, pages)
"""
_PAGE = 4096


def benchmarks() -> list[Measurement]:
    """Runs all measurements."""
    times: dict[str, float] = {}
    sizes: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": directory}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for turn in range(6):
            for name, module in (("ryft", "ryft"), ("JAX", "jax")):
                command = [sys.executable, "-c", _PROGRAM.format(module=module)]
                output = subprocess.run(command, capture_output=True, check=True, env=environment).stdout
                elapsed, pages = map(float, output.split())
                if turn == 0:
                    continue
                times[name] = min(times.get(name, elapsed), elapsed)
                sizes[name] = min(sizes.get(name, pages * _PAGE), pages * _PAGE)
    return [
        Measurement("import (processor time)", times, {"JAX": 0.3}),
        Measurement("memory after the import", sizes, {"JAX": 0.6}, unit="B"),
    ]
