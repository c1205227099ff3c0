"""What all primitives that hold programs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from ryft_core.primitives.base import Primitive
from ryft_core.programs.atoms import Variable
from ryft_core.programs.programs import Program
from ryft_core.types.array_types import ArrayType

__all__ = ["Nested", "extended", "partition", "reference_program", "reordered", "uses_axis"]


class Nested(Primitive, abstract=True):
    """Primitive that holds programs and applies them to its operands."""

    multiple_results = True
    linear = True

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        """As `batch`, with the name of the mapped axis if the programs communicate along it, otherwise `None`."""
        raise NotImplementedError

    def uses_axis(self, name: object) -> bool:
        return name is not None and any(uses_axis(program, name) for program in self.programs())

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.batch_nested(size, None, operands, axes)

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.batch_nested(trace.size, trace.name, operands, axes)


def uses_axis(program: Program, name: object) -> bool:
    """Returns whether an equation of `program` communicates along the mapped axis called `name`."""
    return program.derived(
        ("uses_axis", name), lambda: any(equation.primitive.uses_axis(name) for equation in program.equations)
    )


def reordered(program: Program, inputs: Sequence[int], outputs: Sequence[int] | None = None) -> Program:
    """Returns `program` with its inputs in another order, and with only the given outputs, in that order."""
    results = program.outputs if outputs is None else [program.outputs[i] for i in outputs]
    return Program([program.inputs[i] for i in inputs], program.equations, results, program.name)


def extended(program: Program, places: Sequence[int], types: Sequence[ArrayType]) -> Program:
    """Returns `program` with more inputs, which it ignores.

    Args:
        program: Program to extend.
        places: Position that each of its inputs gets.
        types: Types of all inputs of the result.
    """
    inputs = [Variable(type) for type in types]
    for place, variable in zip(places, program.inputs, strict=True):
        inputs[place] = variable
    return Program(inputs, program.equations, program.outputs, program.name)


def partition(values: Sequence[Any], flags: Sequence[bool]) -> tuple[list[Any], list[Any]]:
    """Returns the values whose flag is false, and those whose flag is true."""
    no: list[Any] = []
    yes: list[Any] = []
    for value, flag in zip(values, flags, strict=True):
        (yes if flag else no).append(value)
    return no, yes


def reference_program(program: Program, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Evaluates a program with NumPy, through the references of its primitives."""
    values: dict[Any, Any] = dict(zip(program.inputs, operands, strict=True))

    def read(atom: Any) -> Any:
        return values[atom] if type(atom) is Variable else numpy.asarray(atom.value)

    for equation in program.equations:
        primitive: Any = equation.primitive
        results = primitive.reference(*[read(atom) for atom in equation.inputs])
        for variable, result in zip(
            equation.outputs, results if primitive.multiple_results else (results,), strict=True
        ):
            values[variable] = numpy.asarray(result).astype(variable.type.dtype)
    return tuple(read(atom) for atom in program.outputs)
