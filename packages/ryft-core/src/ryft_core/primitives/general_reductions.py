"""Reductions of several arrays together, by any associative function."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core import trees
from ryft_core.errors import DataTypeError, OperandError, ShapeError, hinted
from ryft_core.primitives import manipulation
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.nested import reference_program
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.reductions import canonical_axes
from ryft_core.programs.programs import Program
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["Reduce", "reduce"]


class Reduce(Primitive):
    """Combination of all elements along `axes` of arrays of one shape, by a program of scalars.

    The operands are the arrays, then a scalar for each, which the reduction starts with. The program maps one element
    of each array, then another of each, to their combination. It has to be associative, as the order is not fixed.
    """

    program: Program
    axes: tuple[int, ...]

    name = "reduce"
    multiple_results = True

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        count = len(types) // 2
        arrays, initials = types[:count], types[count:]
        shape = arrays[0].shape
        if len(set(self.axes)) != len(self.axes) or not all(0 <= axis < len(shape) for axis in self.axes):
            raise ShapeError(f"`reduce` expected distinct axes of shape {shape}, but got {self.axes}")
        scalars = [type.with_shape(()) for type in arrays]
        for array, initial, scalar in zip(arrays, initials, scalars, strict=True):
            if array.shape != shape or initial.shape != ():
                raise ShapeError(
                    f"`reduce` expected arrays of shape {shape} and scalars to start with, "
                    f"but got shapes {array.shape} and {initial.shape}"
                )
            if initial.dtype != scalar.dtype:
                raise DataTypeError(
                    f"`reduce` expected to start with a scalar of type {scalar.dtype.name}, "
                    f"but got {initial.dtype.name}"
                )
        rest = tuple(size for axis, size in enumerate(shape) if axis not in self.axes)
        return tuple(ArrayType(rest, type.dtype) for type in arrays)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        count = len(operands) // 2

        def body(block: Any, *elements: Any) -> Any:
            return tuple(builder.inline(block, self.program, elements))

        return builder.emit(
            "reduce",
            list(operands[:count]),
            list(operands[count:]),
            self.axes,
            body,
            result_types=builder.results,
        )

    def by_halving(self, types: tuple[ArrayType, ...]) -> Program:
        """Returns a program of the same results that combines one half of the elements with the other, repeatedly.

        It consists of elementwise operations, which have derivatives and can be mapped along any axis.
        """

        def make() -> Program:
            program, captured = trace_program(self._halved, types, "reduce_by_halving")
            assert not captured
            return program

        return self.program.derived(("by_halving", self.axes, types), make)

    def _halved(self, *operands: Any) -> list[Any]:
        count = len(operands) // 2
        shape = operands[0].type.shape
        kept = tuple(axis for axis in range(len(shape)) if axis not in self.axes)
        size = math.prod(shape[axis] for axis in self.axes)
        rest = tuple(shape[axis] for axis in kept)
        values = [
            manipulation.reshape(manipulation.transpose(x, (*self.axes, *kept)), (size, *rest))
            for x in operands[:count]
        ]
        initials = [manipulation.broadcast_to(x, (1, *rest)) for x in operands[count:]]
        if size == 0:
            return [manipulation.reshape(x, rest) for x in initials]
        while size > 1:
            half = size // 2
            combined = self._combined(
                [manipulation.slice_along(x, 0, 0, half) for x in values],
                [manipulation.slice_along(x, 0, half, 2 * half) for x in values],
            )
            if size % 2:
                last = [manipulation.slice_along(x, 0, size - 1, size) for x in values]
                combined = [manipulation.concatenate(pair) for pair in zip(combined, last, strict=True)]
            values, size = combined, half + size % 2
        return [manipulation.reshape(x, rest) for x in self._combined(initials, values)]

    def _combined(self, xs: Sequence[Any], ys: Sequence[Any]) -> list[Any]:
        """Returns the program's results for every pair of elements."""
        shape = xs[0].type.shape
        flat = [manipulation.reshape(x, (-1,)) if x.type.size else manipulation.reshape(x, (0,)) for x in (*xs, *ys)]
        results = vmap(lambda *elements: list(self.program.evaluate(*elements)))(*flat)
        return [manipulation.reshape(x, shape) for x in results]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        return Call(self.by_halving(tuple(primal.type for primal in primals))).jvp(primals, tangents)

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        count = len(operands) // 2
        if any(axis is not None for axis in axes[count:]):  # Each element starts with a value of its own.
            types = tuple(
                operand.type
                if axis is None
                else operand.type.with_shape(operand.type.shape[:axis] + operand.type.shape[axis + 1 :])
                for operand, axis in zip(operands, axes, strict=True)
            )
            return Call(self.by_halving(types)).batch(size, operands, axes)
        moved = [
            manipulation.broadcast_to(operand, (size, *operand.type.shape))
            if axis is None
            else manipulation.moveaxis(operand, axis, 0)
            for operand, axis in zip(operands[:count], axes[:count], strict=True)
        ]
        results = Reduce(self.program, tuple(axis + 1 for axis in self.axes)).bind(*moved, *operands[count:])
        return results, (0,) * count

    def reference(self, *operands: Any) -> Any:
        count = len(operands) // 2
        arrays, initials = operands[:count], operands[count:]
        shape = arrays[0].shape
        kept = [axis for axis in range(len(shape)) if axis not in self.axes]
        rest = tuple(shape[axis] for axis in kept)
        results = [numpy.full(rest, initial, array.dtype) for array, initial in zip(arrays, initials, strict=True)]
        for index in itertools.product(*map(range, shape)):
            place = tuple(index[axis] for axis in kept)
            pair = [*(result[place] for result in results), *(array[index] for array in arrays)]
            combined = reference_program(self.program, [numpy.asarray(value) for value in pair])
            for result, value in zip(results, combined, strict=True):
                result[place] = value
        return tuple(results)


def reduce(operands: Any, initial_values: Any, computation: Callable[[Any, Any], Any], dimensions: Any) -> Any:
    """Returns arrays reduced along `dimensions` by a function of two scalars, or of two structures of scalars.

    Args:
        operands: Array, or structure of arrays of one shape.
        initial_values: Scalar to start with, or structure of those. It should be the neutral element of `computation`:
            compilers assume that, and may combine it with the elements several times or leave it out.
        computation: Associative function of two elements of `operands`. It cannot use arrays from outside.
        dimensions: Axes that disappear.

    Raises:
        StructureError: If `computation` returns another structure.
        OperandError: If `computation` uses an array from outside.
    """
    leaves, structure = trees.flatten(operands)
    starts, start_structure = trees.flatten(initial_values)
    check_structure("reduce", "initial_values", structure, start_structure)
    values = [as_value(leaf) for leaf in leaves]
    if not values:
        raise OperandError("`reduce` expected at least one array, but got none")
    types = [ArrayType((), value.type.dtype) for value in values]
    example = structure.unflatten([0] * len(values))
    body = trace_body(computation, structure_of(example, example), types * 2)
    check_structure("reduce", "the result of the computation", structure, body.structure)
    if body.captured:
        found = ", ".join(str(value.type) for value in body.captured)
        error = OperandError(f"the computation of `reduce` used arrays from outside, of types {found}")
        raise hinted(error, "combine them with the operands before, or with the result after, the reduction")
    program = converted(body, types).program
    initials = [conversions.convert(start, type.dtype) for start, type in zip(starts, types, strict=True)]
    axes = canonical_axes(dimensions, values[0].type.ndim, "reduce")
    return structure.unflatten(list(Reduce(program, axes).bind(*values, *initials)))


# Programs are transformed by means of other primitives, and bodies are traced for those of control flow as well.
from ryft_core.primitives import conversions  # noqa: E402
from ryft_core.primitives.calls import Call  # noqa: E402
from ryft_core.primitives.control_flow.bodies import (  # noqa: E402
    check_structure,
    converted,
    structure_of,
    trace_body,
)
from ryft_core.tracing.tracers import trace_program  # noqa: E402
from ryft_core.transforms.vmap import vmap  # noqa: E402
