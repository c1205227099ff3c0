"""Solutions of equations, differentiated through the equation rather than the solver: linear ones, and roots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ryft_core import trees
from ryft_core.errors import DifferentiationError, StructureError, hinted
from ryft_core.primitives.control_flow.bodies import check_callable, check_structure, structure_of, trace_body
from ryft_core.primitives.nested import Nested, reference_program
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.programs.programs import Program
from ryft_core.tracebacks import boundary
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["LinearSolve", "Root", "custom_linear_solve", "custom_root"]


class LinearSolve(Nested):
    """Solution `x` of the linear equation `matvec(x) = b`, found by `solve`.

    The operands are the constants of `matvec`, `solve` and `transpose_solve`, and then `b`. The last two programs are
    those of the transposed equation; they are `None` if it cannot be solved.

    Attributes:
        matvec: Maps its constants and `x` to `b`.
        solve: Maps its constants and `b` to `x`, and to auxiliary results if there are more.
        transpose_solve: Solves the transposed equation.
        counts: Number of constants of each of them.
    """

    matvec: Program
    solve: Program
    transpose_solve: Program | None
    counts: tuple[int, int, int]

    name = "linear_solve"

    @property
    def size(self) -> int:
        """Number of arrays in `b`, and in `x`."""
        return len(self.matvec.outputs)

    def split(self, values: Any) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
        """Returns what belongs to the constants of the three programs, and to `b`."""
        first, second, third = self.counts
        ends = [0, first, first + second, first + second + third, len(values)]
        parts = [list(values[a:b]) for a, b in pairwise(ends)]
        return parts[0], parts[1], parts[2], parts[3]

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        return self.solve.output_types

    def lower(self, builder: Builder, *operands: Any) -> Any:
        _, constants, _, b = self.split(operands)
        return builder.inline(builder.block, self.solve, [*constants, *b])

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        # Of A x = b: A dx = db - dA x.
        constants, _, _, _ = self.split(primals)
        changes, _, _, right = self.split(tangents)
        results = self.bind(*primals)
        solution = results[: self.size]
        if any(type(change) is not Zero for change in changes):
            zeros = [Zero(value.type) for value in solution]
            _, moved = run_jvp(self.matvec.evaluate, [*constants, *solution], [*changes, *zeros])
            right = [_difference(db, change) for db, change in zip(right, moved, strict=True)]
        rest = results[self.size :]
        unmoved = tuple(Zero(value.type.tangent) for value in rest)
        if all(type(db) is Zero for db in right):
            return results, (*(Zero(value.type) for value in solution), *unmoved)
        given = [instantiate(db) for db in right]
        operands = primals[: sum(self.counts)]
        return results, (*self.bind(*operands, *given)[: self.size], *unmoved)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        if self.transpose_solve is None:
            raise hinted(
                DifferentiationError("`custom_linear_solve` without `transpose_solve` has no reverse derivative"),
                "pass `transpose_solve`, or `symmetric=True`",
            )
        constants, solving, transposing, b = self.split(operands)
        given = [instantiate(cotangent) for cotangent in cotangents[: self.size]]
        linear = (*(False,) * self.counts[0], *(True,) * self.size)
        vecmat, _ = transpose_program(self.matvec, linear, (True,) * self.size, True)
        first, second, third = self.counts
        operation = LinearSolve(vecmat, self.transpose_solve, self.solve, (first, third, second))
        results = operation.bind(*constants, *transposing, *solving, *given)
        return [None] * sum(self.counts) + [
            result if is_linear(operand) else None for operand, result in zip(b, results, strict=False)
        ]

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        # Every element has a solution of its own.
        first, second, third, _ = self.split(axes)
        values = self.split(operands)
        whole = [with_batch_axis(b, axis, size, 0) for b, axis in zip(values[3], self.split(axes)[3], strict=True)]

        def batched(program: Program, constants: list[int | None]) -> Program:
            inner = (*constants, *(0,) * self.size)
            return batch_program(program, size, inner, name, (True,) * len(program.outputs))[0]

        operation = LinearSolve(
            batched(self.matvec, first),
            batched(self.solve, second),
            None if self.transpose_solve is None else batched(self.transpose_solve, third),
            self.counts,
        )
        results = operation.bind(*values[0], *values[1], *values[2], *whole)
        return results, (0,) * len(results)

    def reference(self, *operands: Any) -> Any:
        _, constants, _, b = self.split(operands)
        return reference_program(self.solve, [*constants, *b])


def _difference(left: Any, right: Any) -> Any:
    if type(right) is Zero:
        return left
    return arithmetic.negative(right) if type(left) is Zero else arithmetic.subtract(left, right)


def _check_types(
    name: str, what: str, structure: trees.Structure, wanted: Sequence[ArrayType], found: Sequence[ArrayType]
) -> None:
    """Raises an error unless what a function of the user returned has the types that it should."""
    for path, expected, type in zip(structure.paths, wanted, found, strict=False):
        if expected.shape != type.shape or (expected.dtype != type.dtype and not expected.weak):
            raise StructureError(f"`{name}` expected {what}, but `{path or 'result'}` is {type} instead of {expected}")


def _main_part(name: str, structure: trees.Structure, has_aux: bool) -> trees.Structure:
    """Returns the structure of the solution itself."""
    if has_aux and len(structure.children) != 2:
        raise hinted(
            StructureError(f"`{name}` with `has_aux=True` expected `solve` to return a pair, but got {structure}"),
            "return `(solution, auxiliary)`",
        )
    return structure.children[0] if has_aux else structure


@boundary("custom_linear_solve")
def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """Returns the solution `x` of the linear equation `matvec(x) = b`, differentiated as such and not through `solve`.

    Derivatives with respect to `b` and what `matvec` captured need further solutions only, of this equation and of the
    transposed one.

    Args:
        matvec: Linear function. What it captured can be differentiated with respect to.
        b: Right-hand side: a structure of arrays.
        solve: `solve(matvec, b)` returns the solution. It need not be differentiable.
        transpose_solve: `transpose_solve(vecmat, b)` returns the solution for the transposed function, for reverse
            derivatives.
        symmetric: Whether `matvec` is its own transpose, and `solve` so solves the transposed equation.
        has_aux: Whether `solve` returns a pair whose second element is passed through.

    Raises:
        StructureError: If `matvec` or `solve` returns something of another structure or of other types than `b`.
        DifferentiationError: In reverse mode, if there is no `transpose_solve`.
    """
    check_callable("custom_linear_solve", matvec=matvec, solve=solve)
    if transpose_solve is not None:
        check_callable("custom_linear_solve", transpose_solve=transpose_solve)
    leaves, right = trees.flatten(b)
    values = [as_value(leaf) for leaf in leaves]
    types = [value.type for value in values]
    arguments = structure_of(b)
    product = trace_body(matvec, arguments, types)
    check_structure("custom_linear_solve", "`matvec` to return the structure of `b`", right, product.structure)
    what = "`matvec` to return values of the types of `b`"
    _check_types("custom_linear_solve", what, right, types, product.program.output_types)

    def solver(function: Callable[..., Any], own: Callable[..., Any]) -> Any:
        def flat(x: Any) -> Any:
            return function(own, x)

        body = trace_body(flat, arguments, types)
        found = _main_part("custom_linear_solve", body.structure, has_aux)
        check_structure("custom_linear_solve", "a solution of the structure of `b`", right, found)
        what = "a solution of the types of `b`"
        _check_types("custom_linear_solve", what, right, types, body.program.output_types)
        return body

    forward = solver(solve, matvec)
    backward = None
    if symmetric:
        backward = forward
    elif transpose_solve is not None:
        count = len(product.captured)
        linear = (*(False,) * count, *(True,) * len(values))
        vecmat, _ = transpose_program(product.program, linear, (True,) * len(values), True)

        def transposed(x: Any) -> Any:
            given = [as_value(leaf) for leaf in trees.leaves(x)]
            return right.unflatten(vecmat.evaluate(*product.captured, *given))

        backward = solver(transpose_solve, transposed)
    constants = [*product.captured, *forward.captured, *([] if backward is None else backward.captured)]
    counts = (len(product.captured), len(forward.captured), 0 if backward is None else len(backward.captured))
    operation = LinearSolve(product.program, forward.program, None if backward is None else backward.program, counts)
    return forward.structure.unflatten(operation.bind(*constants, *values))


class Root(Nested):
    """Root `x` of `function`, found by `solve`, and differentiated by the implicit function theorem.

    The operands are the constants of `function`, those of `solve`, and the initial guess.

    Attributes:
        function: Maps its constants and `x` to residuals of the same types.
        solve: Maps its constants and the guess to the root, and to auxiliary results if there are more.
        constants: Number of constants of `function`.
        tangent_solve: Solves linear equations in `x`, for the derivative.
    """

    function: Program
    solve: Program
    constants: int
    tangent_solve: TangentSolve

    name = "root"

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        return self.solve.output_types

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.inline(builder.block, self.solve, operands[self.constants :])

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        # Of f(c, x) = 0: (df/dx) dx = -(df/dc) dc. The guess and what the solver captured do not matter.
        results = self.bind(*primals)
        count = len(self.function.outputs)
        solution = list(results[:count])
        unmoved = tuple(Zero(value.type.tangent) for value in results[count:])
        constants = list(primals[: self.constants])
        zeros = [Zero(value.type.tangent) for value in solution]
        _, moved = run_jvp(self.function.evaluate, [*constants, *solution], [*tangents[: self.constants], *zeros])
        if all(type(change) is Zero for change in moved):
            return results, (*zeros, *unmoved)
        still = [Zero(value.type.tangent) for value in constants]

        def matvec(*directions: Any) -> list[Any]:
            changes = run_jvp(self.function.evaluate, [*constants, *solution], [*still, *directions])[1]
            return [instantiate(change) for change in changes]

        right = [arithmetic.negative(instantiate(change)) for change in moved]
        return results, (*self.tangent_solve.apply(matvec, right), *unmoved)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        raise DifferentiationError("a root is not linear in anything, and cannot be transposed")

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        count = len(self.function.outputs)
        constants = axes[: self.constants]
        solving = axes[self.constants :]
        function, _ = batch_program(self.function, size, (*constants, *(0,) * count), name, (True,) * count)
        solve, _ = batch_program(self.solve, size, solving, name, (True,) * len(self.solve.outputs))
        tangent_solve = BatchedTangentSolve(self.tangent_solve, size, name)
        results = Root(function, solve, self.constants, tangent_solve).bind(*operands)
        return results, (0,) * len(results)

    def text(self) -> str:
        return self.name

    def reference(self, *operands: Any) -> Any:
        return reference_program(self.solve, operands[self.constants :])


class TangentSolve:
    """Solver of linear equations in the flat arrays of a root."""

    def apply(self, matvec: Callable[..., list[Any]], right: list[Any]) -> list[Any]:
        """Returns the solution of `matvec(*x) = right`."""
        raise NotImplementedError


@dataclass(frozen=True)
class UserTangentSolve(TangentSolve):
    """Solver that the user gave, for roots of one structure."""

    function: Callable[[Callable[[Any], Any], Any], Any]
    structure: trees.Structure

    def apply(self, matvec: Callable[..., list[Any]], right: list[Any]) -> list[Any]:
        def product(x: Any) -> Any:
            return self.structure.unflatten(matvec(*map(as_value, trees.leaves(x))))

        solution, found = trees.flatten(self.function(product, self.structure.unflatten(right)))
        check_structure("custom_root", "`tangent_solve` to return the root's structure", self.structure, found)
        return [as_value(leaf) for leaf in solution]


@dataclass(frozen=True)
class BatchedTangentSolve(TangentSolve):
    """Solver applied to whole batches, with the mapped axis first."""

    solver: TangentSolve
    size: int
    axis_name: object

    def apply(self, matvec: Callable[..., list[Any]], right: list[Any]) -> list[Any]:
        def function(*elements: Any) -> list[Any]:
            trace: Any = STATE.trace

            def product(*directions: Any) -> list[Any]:
                # The product of whole batches, applied outside of the batch's trace.
                pairs = [trace.split(direction) for direction in directions]
                whole = [with_batch_axis(value, axis, self.size, 0) for value, axis in pairs]
                with using_trace(trace.parent):
                    results = matvec(*whole)
                return [BatchTracer(trace, result, 0) for result in results]

            return self.solver.apply(product, list(elements))

        values, axes = run_batched(function, self.size, self.axis_name, right, [0] * len(right))
        return [with_batch_axis(value, axis, self.size, 0) for value, axis in zip(values, axes, strict=True)]


@boundary("custom_root")
def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
    has_aux: bool = False,
) -> Any:
    """Returns a root of `f`, differentiated by the implicit function theorem and not through `solve`.

    Args:
        f: Function of a structure of arrays that returns one of the same structure and types. What it captured can be
            differentiated with respect to.
        initial_guess: Where the solver starts.
        solve: `solve(f, initial_guess)` returns the root. It need not be differentiable.
        tangent_solve: `tangent_solve(g, y)` returns the solution `x` of `g(x) = y` for a linear function `g`. For
            reverse derivatives it must be linear in `y`, for example by `custom_linear_solve`.
        has_aux: Whether `solve` returns a pair whose second element is passed through.

    Raises:
        StructureError: If `f`, `solve` or `tangent_solve` returns something of another structure.
    """
    check_callable("custom_root", f=f, solve=solve, tangent_solve=tangent_solve)
    leaves, guess = trees.flatten(initial_guess)
    values = [as_value(leaf) for leaf in leaves]
    types = [value.type for value in values]
    arguments = structure_of(initial_guess)

    def search(x: Any) -> Any:
        return solve(f, x)

    solution = trace_body(search, arguments, types)
    found = _main_part("custom_root", solution.structure, has_aux)
    check_structure("custom_root", "`solve` to return the structure of the guess", guess, found)
    root_types = solution.program.output_types[: len(values)]
    residual = trace_body(f, arguments, root_types)
    check_structure("custom_root", "`f` to return the structure of its argument", guess, residual.structure)
    what = "`f` to return values of the types of its argument"
    _check_types("custom_root", what, guess, root_types, residual.program.output_types)
    operation = Root(residual.program, solution.program, len(residual.captured), UserTangentSolve(tangent_solve, guess))
    results = operation.bind(*residual.captured, *solution.captured, *values)
    return solution.structure.unflatten(results)


from ryft_core.primitives import arithmetic  # noqa: E402
from ryft_core.tracing.traces import STATE, using_trace  # noqa: E402
from ryft_core.transforms.batching import BatchTracer, run_batched, with_batch_axis  # noqa: E402
from ryft_core.transforms.jvp import instantiate, run_jvp  # noqa: E402
from ryft_core.transforms.programs import batch_program, transpose_program  # noqa: E402
