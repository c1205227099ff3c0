"""Small loops, of which XLA's CPU compiler makes one kernel.

Otherwise each step of a loop starts a kernel for every operation of its body, which takes longer than to add a few
hundred numbers. In one kernel, all is done by one thread, and none of the libraries for large arrays can be called.
"""

from __future__ import annotations

from ryft_core.programs.programs import Equation, Program
from ryft_core.types.array_types import ArrayType

__all__ = ["is_kernel"]

# Measured: below, one kernel is never slower; with more elements, several threads or a library are faster.
_MOST_ELEMENTS = 2**13
_MOST_EQUATIONS = 256
# What the code generator for such kernels is used with; for others it has no tests.
_ITEM_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (4, 8)}


def is_kernel(*programs: Program) -> bool:
    """Returns whether a loop whose condition and body are `programs` should be one kernel on the CPU."""
    return sum(map(_equation_count, programs)) <= _MOST_EQUATIONS


def _equation_count(program: Program) -> float:
    """Returns the number of equations with those of nested programs; infinity if one does not fit into a kernel."""
    return program.derived("kernel equations", lambda: sum(map(_weight, program.equations)))


def _weight(equation: Equation) -> float:
    primitive = equation.primitive
    operands = [atom.type for atom in equation.inputs]
    results = [variable.type for variable in equation.outputs]
    # A slice is written in place, so that only its own size matters.
    written = operands[1:] if primitive.name == "dynamic_update_slice" else results
    nested = list(primitive.programs())
    fits = (
        primitive.fits_kernel(operands, results)
        and all(map(_is_plain, operands + results))
        and (bool(nested) or all(type.size <= _MOST_ELEMENTS for type in written))
    )
    return 1 + sum(map(_equation_count, nested)) if fits else float("inf")


def _is_plain(type: ArrayType) -> bool:
    return type.dtype.itemsize in _ITEM_SIZES.get(type.dtype.kind, ())
