"""Compilation: aliases, live programs, kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

import ryft_core as ryft
from ryft_core.compilation import aliases, compile_program, live_program
from ryft_core.tracing.tracers import trace_program
from ryft_core.types.array_types import ArrayType

VECTOR = ArrayType((3,), np.dtype(np.float32))
SCALAR = ArrayType((), np.dtype(np.float32))
X = np.arange(3, dtype=np.float32)


def traced(function: Any, *types: ArrayType) -> Any:
    return trace_program(function, types)[0]


def test_aliases_pair_donated_inputs_with_outputs_of_their_type() -> None:
    program = traced(lambda x, y, z: [x.sum(), y + 1, x + y], VECTOR, VECTOR, SCALAR)
    assert aliases(program, (0, 1, 2)) == {0: 1, 1: 2, 2: 0}
    assert aliases(program, (1,)) == {1: 1}
    assert aliases(program, ()) == {}


def test_live_program_drops_what_the_outputs_do_not_need() -> None:
    program = traced(lambda x, y, z: [(y * 2, x + 1)[1]], VECTOR, VECTOR, VECTOR)
    live, kept = live_program(program)
    assert (kept, len(live.equations), len(live.inputs)) == ([0], 1, 1)
    live.verify()
    live, kept = live_program(program, keep=[2])
    assert (kept, len(live.inputs)) == ([0, 2], 2)
    live.verify()


def test_live_program_keeps_effects() -> None:
    seen: list[Any] = []
    f = ryft.jit(lambda x, y: (ryft.debug.callback(lambda v: seen.append(float(v)), y), x)[1])
    np.testing.assert_array_equal(f(X, 2.0), X)
    assert seen == [2.0]


def test_quick_kernels_compute_the_same() -> None:
    program = traced(lambda x: [x * 2 + 1], VECTOR)
    for quick in (False, True):
        kernel = compile_program(program, quick=quick)
        entry = kernel.entry(ryft.trees.flatten([0])[1], 1, [0])
        np.testing.assert_array_equal(entry.run(None, (ryft.arrays.device_array(X),))[0], X * 2 + 1)
