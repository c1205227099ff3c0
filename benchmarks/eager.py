"""First calls of many small operations on shapes that were not met before, in fresh processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy

from benchmarks.measurements import Measurement, sides

__all__ = ["OPERATIONS", "benchmarks"]


def benchmarks() -> list[Measurement]:
    """Runs the measurement in one process for each side, because both remember what they have compiled."""
    times: dict[str, float] = {}
    for name in ("ryft", "JAX"):
        output = subprocess.run(
            [sys.executable, "-m", "benchmarks.eager", name], capture_output=True, text=True, check=True
        )
        times[name] = float(output.stdout)
    return [Measurement(f"first call of {len(OPERATIONS)} small eager operations", times, {"JAX": 0.2})]


def first_calls(side: Any) -> float:
    """Returns the time of the first call of each operation on a new shape."""
    for operation in (OPERATIONS["add"], OPERATIONS["sin"], OPERATIONS["index"]):
        operation(side.numpy, side.array(numpy.ones((2, 2))))  # Loads the compiler.
    x = side.array(numpy.arange(15).reshape(3, 5))
    start = time.perf_counter()
    for operation in OPERATIONS.values():
        operation(side.numpy, x).block_until_ready()
    return time.perf_counter() - start


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda n, x: x + x,
    "add a number": lambda n, x: x + 1,
    "subtract": lambda n, x: x - x,
    "multiply": lambda n, x: x * x,
    "divide": lambda n, x: x / x,
    "negative": lambda n, x: -x,
    "absolute": lambda n, x: abs(x),
    "power": lambda n, x: x**2,
    "subtract from a number": lambda n, x: 1 - x,
    "reciprocal": lambda n, x: 1 / x,
    "less": lambda n, x: x < x,
    "greater": lambda n, x: x > 0,
    "equal": lambda n, x: x == x,
    "not equal": lambda n, x: x != x,
    "greater equal": lambda n, x: x >= 1,
    "and": lambda n, x: (x > 0) & (x < 1),
    "not": lambda n, x: ~(x > 0),
    "sin": lambda n, x: n.sin(x),
    "cos": lambda n, x: n.cos(x),
    "exp": lambda n, x: n.exp(x),
    "log": lambda n, x: n.log(x),
    "tanh": lambda n, x: n.tanh(x),
    "sqrt": lambda n, x: n.sqrt(x),
    "floor": lambda n, x: n.floor(x),
    "ceil": lambda n, x: n.ceil(x),
    "sign": lambda n, x: n.sign(x),
    "maximum": lambda n, x: n.maximum(x, 0),
    "minimum": lambda n, x: n.minimum(x, x),
    "where": lambda n, x: n.where(x > 0, x, 0),
    "clip": lambda n, x: n.clip(x, 0, 1),
    "square": lambda n, x: n.square(x),
    "sum": lambda n, x: x.sum(),
    "mean": lambda n, x: x.mean(),
    "max": lambda n, x: x.max(),
    "min": lambda n, x: x.min(),
    "sum of an axis": lambda n, x: x.sum(0),
    "any": lambda n, x: (x > 0).any(),
    "all": lambda n, x: (x > 0).all(),
    "argmax": lambda n, x: n.argmax(x),
    "reshape": lambda n, x: x.reshape(-1),
    "transpose": lambda n, x: x.T,
    "index": lambda n, x: x[0],
    "slice": lambda n, x: x[1:],
    "new axis": lambda n, x: x[:, None],
    "flip": lambda n, x: x[::-1],
    "astype": lambda n, x: x.astype("int32"),
    "concatenate": lambda n, x: n.concatenate([x, x]),
    "stack": lambda n, x: n.stack([x, x]),
    "matmul": lambda n, x: x @ x.T,
    "broadcast": lambda n, x: n.broadcast_to(x, (2, *x.shape)),
}


if __name__ == "__main__":
    print(first_calls(sides(sys.argv[1])[0]))
