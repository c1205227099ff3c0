"""Start-up, in fresh processes whose modules are compiled to bytecode already: time, and memory after it."""

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
{before}
start = time.process_time()
{work}
elapsed = time.process_time() - start
pages = int(open("/proc/self/statm").read().split()[1])
print(elapsed, pages)
"""
_FIRST_RESULT = "import {name}, numpy; {name}.jit(lambda x: x * 2 + 1)(numpy.ones(8, 'float32')).block_until_ready()"
_PAGE = 4096


def benchmarks() -> list[Measurement]:
    """Runs all measurements."""
    programs = {
        "import": {"ryft": ("", "import ryft"), "JAX": ("", "import jax")},
        # What `import ryft` puts off is loaded here.
        "import and first result of a jitted function": {
            "ryft": ("", _FIRST_RESULT.format(name="ryft")),
            "JAX": ("", _FIRST_RESULT.format(name="jax")),
        },
        "import of the bindings, after NumPy": {"ryft": ("import numpy", "import ryft_xla_sys")},
    }
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": directory, "JAX_PLATFORMS": "cpu"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for task, contenders in programs.items():
            times, sizes = _measure(contenders, environment)
            if "JAX" in times:
                limits = ({"JAX": 0.3}, {"JAX": 0.6}) if task == "import" else ({}, {})
                found.append(Measurement(f"{task} (processor time)", times, limits[0]))
                found.append(Measurement(f"memory after {task}", sizes, limits[1], unit="B"))
            else:
                found.append(Measurement(task, {**times, "60 ms": 0.06}, {"60 ms": 1.0}))
    return found


def _measure(
    contenders: dict[str, tuple[str, str]], environment: dict[str, str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns the least time and memory of each contender's program, in processes that take turns."""
    times: dict[str, float] = {}
    sizes: dict[str, float] = {}
    for turn in range(6):
        for name, (before, work) in contenders.items():
            command = [sys.executable, "-c", _PROGRAM.format(before=before, work=work)]
            output = subprocess.run(command, capture_output=True, check=True, env=environment).stdout
            elapsed, pages = map(float, output.split())
            if turn == 0:  # Compiles to bytecode.
                continue
            times[name] = min(times.get(name, elapsed), elapsed)
            sizes[name] = min(sizes.get(name, pages * _PAGE), pages * _PAGE)
    return times, sizes
