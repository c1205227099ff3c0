"""Samples of primitives that hold programs, barriers, functions with rules of their own, and collectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from samples import Sample, numbers, sample

from ryft_core.primitives import arithmetic, barriers, collectives, comparison, exponential, linear_algebra, reductions
from ryft_core.primitives.checkpointing import Checkpoint
from ryft_core.primitives.control_flow.conditional import Conditional
from ryft_core.primitives.control_flow.scan import Scan
from ryft_core.primitives.control_flow.solves import LinearSolve, Root, TangentSolve
from ryft_core.primitives.control_flow.while_loop import While
from ryft_core.primitives.custom_rules import BackwardRule, CustomFunction, CustomLinear, Rules
from ryft_core.primitives.operands import as_value
from ryft_core.programs import Program
from ryft_core.tracing.tracers import trace_program
from ryft_core.types.array_types import ArrayType

FLOAT = numpy.dtype("float64")
SCALAR = ArrayType((), FLOAT)
VECTOR = ArrayType((3,), FLOAT)
INTEGER = ArrayType((), numpy.dtype("int32"))
ADD, MULTIPLY, SUBTRACT = arithmetic.add, arithmetic.multiply, arithmetic.subtract


def program(function: Callable[..., Any], *types: ArrayType) -> Program:
    """Returns the program of a function that returns a list of arrays."""
    traced, captured = trace_program(function, types, function.__name__.strip("<>"))
    assert not captured
    return traced


def sine(x: Any) -> Any:
    return exponential.sin(x)


SCAN_BODY = program(
    lambda w, count, c, x: [ADD(count, 1), sine(ADD(MULTIPLY(c, w), x)), MULTIPLY(c, x)],
    VECTOR, INTEGER, VECTOR, VECTOR,
)  # fmt: skip
GROWING = program(
    lambda limit, c, w: [comparison.less(reductions.ReduceSum((0,)).bind(c), limit)], SCALAR, VECTOR, VECTOR
)
GROW = program(lambda rate, c, w: [ADD(MULTIPLY(c, rate), MULTIPLY(w, w)), w], SCALAR, VECTOR, VECTOR)
COUNTING = program(lambda n, i, c: [comparison.less(i, n)], INTEGER, INTEGER, VECTOR)
COUNTED = program(lambda w, i, c: [ADD(i, 1), sine(MULTIPLY(c, w))], VECTOR, INTEGER, VECTOR)
BRANCHES = (
    program(lambda x, y: [MULTIPLY(x, y), x], VECTOR, VECTOR),
    program(lambda x, y: [sine(MULTIPLY(x, x)), y], VECTOR, VECTOR),
    program(lambda x, y: [y, ADD(x, MULTIPLY(sine(y), y))], VECTOR, VECTOR),
)
MATRIX = ArrayType((3, 3), FLOAT)
CHECKPOINTED = program(lambda w, x: [sine(sine(linear_algebra.matmul(w, x))), MULTIPLY(x, x)], MATRIX, VECTOR)


@dataclass(frozen=True)
class SquareRules(Rules):
    """The square, with its derivative."""

    label = "square"

    def call(self, *operands: Any) -> Sequence[Any]:
        return [MULTIPLY(operands[0], operands[0])]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        return self.call(*primals), [MULTIPLY(MULTIPLY(primals[0], tangents[0]), 2.0)]


@dataclass(frozen=True)
class ProductRule(BackwardRule):
    """Transpose of the product with a residual."""

    label = "product"

    def apply(self, residuals: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        return [MULTIPLY(residuals[0], cotangents[0])]


@dataclass(frozen=True)
class DiagonalSolve(TangentSolve):
    """Solver of diagonal equations."""

    def apply(self, matvec: Callable[..., list[Any]], right: list[Any]) -> list[Any]:
        ones = numpy.ones(right[0].type.shape, right[0].type.dtype)
        return [arithmetic.true_divide(right[0], matvec(as_value(ones))[0])]


SCALE = program(lambda d, x: [MULTIPLY(d, x)], VECTOR, VECTOR)
UNSCALE = program(lambda d, b: [arithmetic.true_divide(b, d)], VECTOR, VECTOR)
# The equation x + x ** 3 = a, solved by Newton's method.
CUBIC = program(lambda a, x: [SUBTRACT(ADD(x, MULTIPLY(x, MULTIPLY(x, x))), a)], VECTOR, VECTOR)


def newton(a: Any, x: Any) -> list[Any]:
    for _ in range(40):
        residual = CUBIC.evaluate(a, x)[0]
        x = SUBTRACT(x, arithmetic.true_divide(residual, ADD(MULTIPLY(MULTIPLY(x, x), 3.0), 1.0)))
    return [x]


def scanned(length: int, **options: Any) -> Sample:
    operands = (numbers((3,)), numpy.int32(0), numbers((3,), seed=1), numbers((length, 3), seed=2))
    return sample(Scan(SCAN_BODY, length, 1, 2, **options), *operands, step=1e-5)


UNBOUND = {
    check: "it means something only along a mapped axis; `test_collectives` checks it there"
    for check in ("types", "reference", "interpreter", "jvp", "transpose", "vmap")
}
NO_REVERSE = {"transpose": "a loop without a bound has no reverse derivative; `test_while_loop` checks the error"}

SAMPLES: list[Sample] = [
    *[
        sample(Conditional(BRANCHES), numpy.int32(index), numbers((3,)), numbers((3,), seed=1))
        for index in range(len(BRANCHES))
    ],
    scanned(4),
    scanned(4, reverse=True),
    scanned(5, unroll=2),
    scanned(3, unroll=3),
    scanned(1),
    scanned(0),
    sample(
        While(GROWING, GROW, 1, 1),
        3.0, 1.4, numbers((3,), low=0.5), numbers((3,), low=0.2, high=0.4),
        without=NO_REVERSE, constant=(0,), step=1e-5,
    ),
    sample(
        While(COUNTING, COUNTED, 1, 1, bound=5),
        numpy.int32(3), numbers((3,)), numpy.int32(0), numbers((3,), seed=1), step=1e-5,
    ),
    sample(Checkpoint(CHECKPOINTED), numbers((3, 3)), numbers((3,)), step=1e-5),
    sample(Checkpoint(CHECKPOINTED, differentiated=True), numbers((3, 3)), numbers((3,)), step=1e-5),
    sample(CustomFunction(SquareRules(), program(SquareRules().call, VECTOR)), numbers((3,))),
    sample(CustomLinear(ProductRule(), 1, (VECTOR,)), numbers((3,)), numbers((3,), seed=1), constant=(0,)),
    sample(
        LinearSolve(SCALE, UNSCALE, UNSCALE, (1, 1, 1)),
        *[numbers((3,), low=1.0)] * 3, numbers((3,)), constant=(0, 1, 2),
    ),
    sample(
        Root(CUBIC, program(newton, VECTOR, VECTOR), 1, DiagonalSolve()),
        *[numbers((3,))] * 2, numbers((3,), seed=1), constant=(0, 1, 2),
        without={
            "jvp": "its operands depend on one another; `test_solves` checks it",
            "transpose": "its operands depend on one another; `test_solves` checks it",
        },
    ),
    sample(barriers.OptimizationBarrier(), numbers((3,)), numbers((2,)), numpy.int32(3)),
    sample(barriers.StopGradient(), numbers((3,)), constant=(0,)),
    sample(barriers.CheckpointName("activation"), numbers((3,))),
    sample(collectives.CrossSum("i"), numbers((3,)), without=UNBOUND),
    sample(collectives.CrossMaximum("i"), numbers((3,)), without=UNBOUND),
    sample(collectives.CrossMinimum("i"), numbers((3,)), without=UNBOUND),
    sample(collectives.AllGather("i", 2, 0), numbers((3,)), without=UNBOUND),
    sample(collectives.SumScatter("i", 3, 0), numbers((3,)), without=UNBOUND),
    sample(collectives.AllToAll("i", 3, 0, 0), numbers((3,)), without=UNBOUND),
    sample(collectives.CollectivePermute("i", 2, ((0, 1),)), numbers((3,)), without=UNBOUND),
    sample(collectives.AxisIndex("i"), without=UNBOUND),
]  # fmt: skip
