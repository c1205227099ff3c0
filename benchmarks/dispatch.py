"""Dispatch: calls of jitted functions whose signature is known, and of eager operations whose kernels are.

The C loop is what the plugin alone takes for the same: nothing that calls it can be faster.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy

import ryft_core
from benchmarks.floor import floor
from benchmarks.measurements import Measurement, best_times, sides

__all__ = ["benchmarks"]

Call: TypeAlias = tuple[Any, ...]
"""A function, and the arguments that it is called with."""


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
        made = {side.name: make(side) for side in both}
        calls = {name: partial(*call) for name, call in made.items()}
        for call in calls.values():
            for _ in range(3):
                call()
        _warm(calls["ryft"])
        # Everything happens in the calling thread; its processor time is hardly changed by other work on the machine.
        times = best_times(calls, count, clock=time.thread_time)
        function, *arguments = made["ryft"]
        if all(isinstance(leaf, ryft_core.Array) for leaf in ryft_core.tree.leaves(arguments)):
            times["C loop"] = _floor(function, arguments, count)
        found.append(Measurement(task, times, {} if limit is None else {"JAX": limit}))
    return found


def _floor(function: Any, arguments: list[Any], count: int) -> float:
    """Returns the best mean time that the plugin alone takes for the same execution, in a loop in C."""
    kernel = ryft_core.jit(function).lower(*arguments).compile().kernel
    buffers = [leaf.buffer for leaf in ryft_core.tree.leaves(arguments)]
    loop = floor(kernel.executable, buffers, count)
    return min(loop() for _ in range(9))


def _warm(call: Callable[[], object]) -> None:
    # Eager operations are computed on the host until a kernel pays for itself.
    for _ in range(2000):
        call()


def _add_one(side: Any) -> Call:
    f, x = side.jit(lambda x: x + 1), side.array(numpy.arange(8))
    return f, x


def _number(side: Any) -> Call:
    f, x = side.jit(lambda x, y: x + y), side.array(numpy.arange(8))
    return f, x, 1.0


def _static(side: Any) -> Call:
    f, x = side.jit(lambda x, n: x + n, static_argnums=1), side.array(numpy.arange(8))
    return f, x, 2


def _dictionary(side: Any) -> dict[str, Any]:
    return {f"k{index}": side.array(numpy.arange(8)) for index in range(20)}


def _dictionary_in(side: Any) -> Call:
    f, tree = side.jit(lambda d: sum(d.values())), _dictionary(side)
    return f, tree


def _dictionary_in_and_out(side: Any) -> Call:
    f, tree = side.jit(lambda d: {name: value + 1 for name, value in d.items()}), _dictionary(side)
    return f, tree


def _model(side: Any) -> Model:
    return Model([Layer(side.array(numpy.arange(8)), side.array(numpy.arange(8))) for _ in range(50)])


def _model_in(side: Any) -> Call:
    f, model = side.jit(lambda m: sum(layer.weight + layer.bias for layer in m.layers)), _model(side)
    return f, model


def _model_in_and_out(side: Any) -> Call:
    f = side.jit(lambda m: Model([Layer(layer.weight + 1, layer.bias + 1) for layer in m.layers]))
    model = _model(side)
    return f, model


def _eager_add(side: Any) -> Call:
    x = side.array(numpy.arange(8))
    return operator.add, x, x


def _eager_add_number(side: Any) -> Call:
    x = side.array(numpy.arange(8))
    return operator.add, x, 1


def _eager_index(side: Any) -> Call:
    x = side.array(numpy.arange(8))
    return operator.getitem, x, 0


TASKS: list[tuple[str, float | None, Callable[[Any], Call], int]] = [
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
