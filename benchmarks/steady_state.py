"""Compiled programs of some size: their run time, which is the compiler's, and so should be that of JAX."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy

from benchmarks.measurements import Measurement, best_times, sides

__all__ = ["benchmarks"]

Step = Callable[[], Any]


def benchmarks() -> list[Measurement]:
    """Runs all measurements, each side in processes of its own: their pools of threads disturb one another."""
    times: dict[str, dict[str, float]] = {}
    sums: dict[str, dict[str, list[float]]] = {}
    for _ in range(3):
        for name in ("ryft", "JAX"):
            command = [sys.executable, "-m", "benchmarks.steady_state", name]
            output = subprocess.run(command, capture_output=True, check=True).stdout
            for task, (seconds, checksums) in json.loads(output).items():
                best = times.setdefault(task, {})
                best[name] = min(best.get(name, seconds), seconds)
                sums.setdefault(task, {})[name] = checksums
    for task, each in sums.items():
        numpy.testing.assert_allclose(each["ryft"], each["JAX"], rtol=1e-2, atol=1e-2, err_msg=task)
    return [Measurement(task, each, {"JAX": 1.05}) for task, each in times.items()]


def measure(side: Any) -> dict[str, tuple[float, list[float]]]:
    """Returns the time of each task, and the sums of the absolute values of its results."""
    found: dict[str, tuple[float, list[float]]] = {}
    for task, make, count in TASKS:
        step = make(side)
        checksums = [float(numpy.abs(numpy.asarray(result)).sum()) for result in step()]
        found[task] = best_times({"": partial(_run, step)}, count)[""], checksums
    return found


def _run(step: Step) -> None:
    for result in step():
        result.block_until_ready()


def _random(side: Any, *shape: int, seed: int = 0) -> Any:
    return side.array(numpy.random.default_rng(seed).normal(size=shape) / numpy.sqrt(shape[-1]))


def perceptron(side: Any) -> Step:
    """Returns one step of gradient descent of a perceptron with three layers."""
    np = side.numpy
    sizes = (256, 512, 512, 10)
    layers = [_random(side, m, n, seed=m + n) for m, n in pairwise(sizes)]
    x, y = _random(side, 128, 256), _random(side, 128, 10, seed=1)

    def loss(layers: list[Any]) -> Any:
        hidden = x
        for layer in layers[:-1]:
            hidden = np.tanh(hidden @ layer)
        return ((hidden @ layers[-1] - y) ** 2).mean()

    step = side.jit(
        lambda layers: [layer - 0.1 * slope for layer, slope in zip(layers, side.grad(loss)(layers), strict=True)]
    )
    return lambda: step(layers)


def transformer(side: Any) -> Step:
    """Returns the gradient of the loss of one transformer block."""
    np, nn = side.numpy, side.nn
    batch, length, width, heads = 4, 64, 128, 4
    weights = {
        "q": _random(side, width, width, seed=1),
        "k": _random(side, width, width, seed=2),
        "v": _random(side, width, width, seed=3),
        "o": _random(side, width, width, seed=4),
        "up": _random(side, width, 4 * width, seed=5),
        "down": _random(side, 4 * width, width, seed=6),
    }
    x = _random(side, batch, length, width, seed=7)

    def normalized(x: Any) -> Any:
        centered = x - x.mean(-1, keepdims=True)
        return centered / np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-5)

    def split(x: Any) -> Any:
        return x.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3)

    def loss(w: dict[str, Any]) -> Any:
        h = normalized(x)
        q, k, v = split(h @ w["q"]), split(h @ w["k"]), split(h @ w["v"])
        scores = nn.softmax(q @ k.transpose(0, 1, 3, 2) / (width // heads) ** 0.5, axis=-1)
        attended = (scores @ v).transpose(0, 2, 1, 3).reshape(batch, length, width) @ w["o"]
        y = x + attended
        y = y + nn.gelu(normalized(y) @ w["up"]) @ w["down"]
        return (y**2).mean()

    gradient = side.jit(side.grad(loss))
    return lambda: [value for _, value in sorted(gradient(weights).items())]


def scan(side: Any) -> Step:
    """Returns a recurrence of 1,000 steps."""
    np = side.numpy
    w = _random(side, 32, 32)
    run = side.jit(lambda h: side.lax.scan(lambda h, _: (np.tanh(w @ h), h[0]), h, None, length=1000))
    start = side.array(numpy.ones(32))
    return lambda: list(run(start))


def ode(side: Any) -> Step:
    """Returns the Lorenz equations, solved for 256 initial values."""
    np, lax = side.numpy, side.lax

    def slope(u: Any) -> Any:
        x, y, z = u[0], u[1], u[2]
        return np.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])

    def step(_: Any, u: Any) -> Any:
        h = 0.005
        a = slope(u)
        b = slope(u + h / 2 * a)
        c = slope(u + h / 2 * b)
        d = slope(u + h * c)
        return u + h / 6 * (a + 2 * b + 2 * c + d)

    solve = side.jit(lambda u: lax.fori_loop(0, 200, step, u))
    start = side.array(numpy.random.default_rng(0).normal(size=(3, 256)))
    return lambda: [solve(start)]


TASKS: list[tuple[str, Callable[[Any], Step], int]] = [
    ("step of a perceptron's training", perceptron, 20),
    ("gradient of a transformer block", transformer, 5),
    ("scan of 1,000 steps", scan, 20),
    ("ODE solved by 200 steps of Runge-Kutta", ode, 20),
]


if __name__ == "__main__":
    print(json.dumps(measure(sides(sys.argv[1])[0])))
