"""Linearization: the linear part of a computation recorded as a program, and run backwards.

`PartialTrace` splits a computation: what depends on known values only is done at once, by its parent; what depends on
an unknown one is recorded. With tangents as the unknowns, under a `JvpTrace`, what it records is the linear program
that maps tangents of the inputs to tangents of the outputs, in which values of the primal computation are captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ryft_core.errors import RyftError
from ryft_core.primitives.symbolic import Linear, Zero
from ryft_core.programs.atoms import Variable
from ryft_core.programs.locations import located
from ryft_core.programs.programs import Program
from ryft_core.tracing.recorders import Recorders
from ryft_core.tracing.tracers import ProgramTrace, ProgramTracer
from ryft_core.tracing.traces import STATE, using_trace
from ryft_core.transforms.jvp import JvpTrace, JvpTracer
from ryft_core.types.array_types import ArrayType

__all__ = ["LinearProgram", "PartialTrace", "backward", "linearize_flat"]


class PartialTrace(ProgramTrace):
    """Does what is known at once and records what is not."""

    __slots__ = ()

    def owns(self, value: Any) -> bool:
        """Returns whether `value` is unknown."""
        return type(value) is ProgramTracer and value.trace is self

    def process(self, primitive: Any, operands: tuple[Any, ...]) -> Any:
        for value in operands:
            if type(value) is ProgramTracer and value.trace is self:
                return primitive.partial(self, operands)
        return self.apply_known(primitive, operands)

    def apply_known(self, primitive: Any, operands: Sequence[Any]) -> Any:
        """Applies a primitive to known operands, under the parent trace."""
        STATE.trace = self.parent
        try:
            return primitive.bind(*operands)
        finally:
            STATE.trace = self


class LinearProgram:
    """Linear function: a program whose leading inputs, the residuals, are given.

    Attributes:
        program: The program; its inputs are the residuals, then the tangents.
        residuals: Values of the leading inputs.
        output_types: Types of all outputs.
        nonzero: Whether each output is computed by the program; the others are zero.
    """

    def __init__(
        self, program: Program, residuals: list[Any], output_types: list[ArrayType], nonzero: list[bool]
    ) -> None:
        self.program = program
        self.residuals = residuals
        self.output_types = output_types
        self.nonzero = nonzero

    def forward(self, tangents: Sequence[Any]) -> list[Any]:
        """Returns the outputs for `tangents`, which must be arrays; outputs that are zero are symbolic."""
        results = iter(self.program.evaluate(*self.residuals, *tangents))
        return [
            next(results) if present else Zero(type)
            for present, type in zip(self.nonzero, self.output_types, strict=True)
        ]

    def backward(self, cotangents: Sequence[Any]) -> list[Any]:
        """Returns the cotangents of the inputs for `cotangents` of the outputs; either may be symbolic zeros."""
        given = [cotangent for cotangent, present in zip(cotangents, self.nonzero, strict=True) if present]
        return backward(self.program, self.residuals, given)


def linearize_flat(function: Callable[..., Any], primals: Sequence[Any]) -> tuple[list[Any], LinearProgram]:
    """Returns the outputs of `function`, which maps arrays to a sequence of arrays, and its derivative at `primals`."""
    parent = STATE.trace
    partial = PartialTrace(parent)
    trace = JvpTrace(partial)
    inputs = [
        JvpTracer(trace, primal, partial.new_input(primal.type))
        if primal.type.tangent is primal.type
        else JvpTracer(trace, primal, _unused(partial, primal.type))
        for primal in primals
    ]
    try:
        with using_trace(trace):
            outputs = list(function(*inputs))
        pairs = [trace.split(output) for output in outputs]
        tangents = [tangent for _, tangent in pairs]
        nonzero = [type(tangent) is not Zero for tangent in tangents]
        types = [tangent.type for tangent in tangents]
        program, residuals = partial.build([t for t in tangents if type(t) is not Zero], "linear")
    finally:
        trace.finished = partial.finished = True
    return [primal for primal, _ in pairs], LinearProgram(program, residuals, types, nonzero)


def _unused(partial: PartialTrace, type: ArrayType) -> Zero:
    # Integers have no tangents, but keep their place among the inputs.
    partial.new_input(type.tangent)
    return Zero(type.tangent)


def backward(program: Program, residuals: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
    """Runs a linear program backwards, under the current trace.

    Args:
        program: Program that is linear in its inputs behind the residuals.
        residuals: Values of the leading inputs.
        cotangents: Cotangents of the outputs; symbolic zeros are allowed.

    Returns:
        Cotangents of the linear inputs; a symbolic zero for an input that does not matter.
    """
    count = len(residuals)
    known: dict[Any, Any] = dict(zip(program.inputs[:count], residuals, strict=True))
    first = _evaluate_known(program, known)
    totals: dict[Variable, Any] = {}

    def accumulate(atom: Any, cotangent: Any) -> None:
        if cotangent is None or type(cotangent) is Zero or type(atom) is not Variable:
            return
        present = totals.get(atom)
        totals[atom] = cotangent if present is None else arithmetic.add(present, cotangent)

    for atom, cotangent in zip(program.outputs, cotangents, strict=True):
        accumulate(atom, cotangent)
    recorders = Recorders()
    for equation in reversed(program.equations[first:]):
        primitive = equation.primitive
        given = [totals.pop(variable, None) for variable in equation.outputs]
        if all(cotangent is None for cotangent in given):
            continue
        operands = tuple(
            [
                (known[atom] if atom in known else Linear(atom.type)) if type(atom) is Variable else atom
                for atom in equation.inputs
            ]
        )
        try:
            if primitive.multiple_results:
                filled = tuple(
                    Zero(variable.type) if cotangent is None else cotangent
                    for cotangent, variable in zip(given, equation.outputs, strict=True)
                )
                results = primitive.transpose(filled, operands)
            else:
                results = primitive.transpose(given[0], operands)
        except RyftError as error:
            located(error, primitive.name, equation.location)
            raise
        for atom, cotangent in zip(equation.inputs, results, strict=True):
            accumulate(atom, cotangent)
        recorders.place(equation)
    return [totals.get(variable, Zero(variable.type)) for variable in program.inputs[count:]]


def _evaluate_known(program: Program, known: dict[Any, Any]) -> int:
    """Evaluates the leading equations that depend on what is known only, into `known`, and returns their number."""
    for index, equation in enumerate(program.equations):
        if any(type(atom) is Variable and atom not in known for atom in equation.inputs):
            return index
        operands = [known[atom] if type(atom) is Variable else atom for atom in equation.inputs]
        known.update(zip(equation.outputs, equation.bind(operands), strict=True))
    return len(program.equations)


from ryft_core.primitives import arithmetic  # noqa: E402 (calls, a primitive, use this module)
