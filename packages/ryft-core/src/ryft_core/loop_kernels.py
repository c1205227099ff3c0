"""Small loops, of which XLA's CPU compiler is to make one kernel.

Otherwise each step of a loop starts a kernel for every operation of its body, which takes longer than to add a few
hundred numbers. In one kernel, all is done by one thread, and none of the libraries for large arrays can be called. The
compiler does so itself below a threshold of a few numbers. A program in which every loop profits raises the threshold.
"""

from __future__ import annotations

from ryft_core.programs.programs import Equation, Program
from ryft_core.types.array_types import ArrayType

__all__ = ["BACKEND_OPTIONS", "has_only_small_loops"]

BACKEND_OPTIONS = {"xla_cpu_small_while_loop_byte_threshold": str(2**40)}
"""Options of XLA's CPU backend with which every loop becomes one kernel."""

# Measured: below, one kernel is never slower; with more elements, several threads or a library are faster.
_MOST_ELEMENTS = 2**14
_MOST_EQUATIONS = 256
# The code generator for such kernels is old, and rarely used with other types.
_ITEM_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (4, 8)}


def has_only_small_loops(program: Program) -> bool:
    """Returns whether a program has loops, each of them should be one kernel, and the compiler adds no others."""
    return program.derived("has_only_small_loops", lambda: _loops(program) > 0)


def _loops(program: Program) -> float:
    """Returns the number of loops; minus infinity if one should not be one kernel, or the compiler may add others."""
    return sum(map(_loops_of, program.equations))


def _loops_of(equation: Equation) -> float:
    primitive = equation.primitive
    if primitive.is_loop:
        return 1 if _size(equation) <= _MOST_EQUATIONS else float("-inf")
    if not primitive.in_kernel:
        return float("-inf")
    return sum(map(_loops, primitive.programs()))


def _size(equation: Equation) -> float:
    """Returns the number of equations with those of nested programs; infinity if one does not fit into a kernel."""
    primitive = equation.primitive
    operands = [atom.type for atom in equation.inputs]
    results = [variable.type for variable in equation.outputs]
    nested = list(primitive.programs())
    # A slice is written in place, and a loop changes what it carries in place, so that only the parts matter.
    written = [] if nested else operands[1:] if primitive.name == "dynamic_update_slice" else results
    if (
        not primitive.fits_kernel(operands, results)
        or not all(map(_is_plain, operands + results))
        or any(type.size > _MOST_ELEMENTS for type in written)
    ):
        return float("inf")
    return 1 + sum(_size(inner) for program in nested for inner in program.equations)


def _is_plain(type: ArrayType) -> bool:
    return type.dtype.itemsize in _ITEM_SIZES.get(type.dtype.kind, ())
