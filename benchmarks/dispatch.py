"""Dispatch: calls of jitted functions whose signature is known, and of eager operations whose kernels are."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from benchmarks.measurements import Measurement, best_times, sides

__all__ = ["benchmarks"]


@dataclass(frozen=True)
class Layer:
    """Part of the model."""

    weight: Any
    bias: Any


@dataclass(frozen=True)
class Model:
    """Model of fifty layers with two arrays each."""

    layers: list[Layer]


def benchmarks() -> list[Measurement]:
    """Runs all measurements."""
    import jax

    for cls, fields in ((Layer, ["weight", "bias"]), (Model, ["layers"])):
        jax.tree_util.register_dataclass(cls, fields, [])
    both = sides()
    found: list[Measurement] = []
    for task, limit, make, count in TASKS:
        calls = {side.name: make(side) for side in both}
        for call in calls.values():
            for _ in range(3):
                call()
        _warm(calls["ryft"])
        # Everything happens in the calling thread; its processor time is hardly changed by other work on the machine.
        times = best_times(calls, count, clock=time.thread_time)
        found.append(Measurement(task, times, {} if limit is None else {"JAX": limit}))
    return found


def _warm(call: Callable[[], object]) -> None:
    # Eager operations are computed on the host until a kernel pays for itself.
    for _ in range(2000):
        call()


def _add_one(side: Any) -> Callable[[], object]:
    f, x = side.jit(lambda x: x + 1), side.array(numpy.arange(8))
    return lambda: f(x)


def _number(side: Any) -> Callable[[], object]:
    f, x = side.jit(lambda x, y: x + y), side.array(numpy.arange(8))
    return lambda: f(x, 1.0)


def _static(side: Any) -> Callable[[], object]:
    f, x = side.jit(lambda x, n: x + n, static_argnums=1), side.array(numpy.arange(8))
    return lambda: f(x, 2)


def _dictionary(side: Any) -> dict[str, Any]:
    return {f"k{index}": side.array(numpy.arange(8)) for index in range(20)}


def _dictionary_in(side: Any) -> Callable[[], object]:
    f, tree = side.jit(lambda d: sum(d.values())), _dictionary(side)
    return lambda: f(tree)


def _dictionary_in_and_out(side: Any) -> Callable[[], object]:
    f, tree = side.jit(lambda d: {name: value + 1 for name, value in d.items()}), _dictionary(side)
    return lambda: f(tree)


def _model(side: Any) -> Model:
    return Model([Layer(side.array(numpy.arange(8)), side.array(numpy.arange(8))) for _ in range(50)])


def _model_in(side: Any) -> Callable[[], object]:
    f, model = side.jit(lambda m: sum(layer.weight + layer.bias for layer in m.layers)), _model(side)
    return lambda: f(model)


def _model_in_and_out(side: Any) -> Callable[[], object]:
    f = side.jit(lambda m: Model([Layer(layer.weight + 1, layer.bias + 1) for layer in m.layers]))
    model = _model(side)
    return lambda: f(model)


def _eager_add(side: Any) -> Callable[[], object]:
    x = side.array(numpy.arange(8))
    return lambda: x + x


def _eager_add_number(side: Any) -> Callable[[], object]:
    x = side.array(numpy.arange(8))
    return lambda: x + 1


def _eager_index(side: Any) -> Callable[[], object]:
    x = side.array(numpy.arange(8))
    return lambda: x[0]


TASKS: list[tuple[str, float | None, Callable[[Any], Callable[[], object]], int]] = [
    ("dispatch of jit(x + 1) on 8 numbers", 0.5, _add_one, 5000),
    ("dispatch of jit(x + y) for an array and a Python number", None, _number, 2000),
    ("dispatch of jit with a static argument", None, _static, 2000),
    ("dispatch with a dictionary of 20 arrays as argument", 0.35, _dictionary_in, 1000),
    ("dispatch with a dictionary of 20 arrays as argument and result", 0.35, _dictionary_in_and_out, 500),
    ("dispatch with a dataclass of 100 arrays as argument", 0.35, _model_in, 300),
    ("dispatch with a dataclass of 100 arrays as argument and result", 0.35, _model_in_and_out, 100),
    ("eager x + x", 0.5, _eager_add, 2000),
    ("eager x + 1", None, _eager_add_number, 2000),
    ("eager x[0]", 0.2, _eager_index, 500),
]
