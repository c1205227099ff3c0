"""Conditionals: one of several programs is run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core import trees
from ryft_core.errors import ArgumentError, DataTypeError, OperandError, ShapeError, StructureError, hinted
from ryft_core.primitives.control_flow.bodies import (
    Body,
    array_leaves,
    check_callable,
    check_structure,
    converted,
    known_scalar,
    scalar_operand,
    share_constants,
    structure_of,
    trace_body,
    visible,
)
from ryft_core.primitives.nested import Nested, extended, partition, reference_program
from ryft_core.primitives.operands import literal
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.programs.atoms import Literal
from ryft_core.programs.programs import Program
from ryft_core.tracebacks import boundary
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import promote_types

if TYPE_CHECKING:
    from ryft_core.lowering import Builder
    from ryft_core.transforms.programs import PartialProgram

__all__ = ["Conditional", "cond", "switch"]

INDEX = numpy.dtype("int32")
_NOT_GIVEN: Any = object()


class Conditional(Nested):
    """Application of the branch that the first operand, an integer between 0 and the last branch, chooses.

    All branches take the other operands, and return values of the same types.
    """

    branches: tuple[Program, ...]

    name = "conditional"

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        index, *rest = types
        first = self.branches[0]
        if index.shape != () or index.dtype != INDEX:
            raise DataTypeError(f"`conditional` expected an index of type int32[], but got {index}")
        if len(rest) != len(first.inputs):
            raise ShapeError(f"`conditional` expected {len(first.inputs)} operands, but got {len(rest)}")
        return first.output_types

    def lower(self, builder: Builder, *operands: Any) -> Any:
        index, *values = operands
        bodies = [lambda block, program=program: builder.inline(block, program, values) for program in self.branches]
        return builder.emit("case", index, bodies, result_types=builder.results)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        nonzero = tuple(type(tangent) is not Zero for tangent in tangents[1:])
        found = [jvp_program(branch, nonzero) for branch in self.branches]
        union = tuple(map(any, zip(*[present for _, present in found], strict=True)))
        branches = tuple(
            program if present == union else jvp_program(branch, nonzero, union)[0]
            for branch, (program, present) in zip(self.branches, found, strict=True)
        )
        given = [tangent for tangent in tangents[1:] if type(tangent) is not Zero]
        results = Conditional(branches).bind(*primals, *given)
        count = len(union)
        changes = iter(results[count:])
        return results[:count], tuple(
            next(changes) if has else Zero(result.type.tangent)
            for has, result in zip(union, results[:count], strict=True)
        )

    def partial(self, trace: Any, operands: tuple[Any, ...]) -> Any:
        index, *values = operands
        if trace.owns(index):
            return trace.record(self, operands)
        unknown = tuple(trace.owns(value) for value in values)
        splits = [partial_program(branch, unknown) for branch in self.branches]
        union = tuple(map(any, zip(*(split.unknown_outputs for split in splits), strict=True)))
        splits = [
            split if split.unknown_outputs == union else partial_program(branch, unknown, union)
            for branch, split in zip(self.branches, splits, strict=True)
        ]
        known_operands, unknown_operands = partition(values, unknown)
        known, rest, sources = _share_residuals(splits)
        results = trace.apply_known(Conditional(tuple(known)), [index, *known_operands])
        count = union.count(False)
        available = [*known_operands, *results[count:]]
        residuals = [available[source] for source in sources]
        unknown_results = trace.record(Conditional(tuple(rest)), (index, *residuals, *unknown_operands))
        return splits[0].merge(results[:count], unknown_results)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        index, *values = operands
        linear = tuple(is_linear(value) for value in values)
        nonzero = tuple(type(cotangent) is not Zero for cotangent in cotangents)
        found = [transpose_program(branch, linear, nonzero) for branch in self.branches]
        union = tuple(map(any, zip(*[present for _, present in found], strict=True)))
        branches = tuple(
            program if present == union else transpose_program(branch, linear, nonzero, union)[0]
            for branch, (program, present) in zip(self.branches, found, strict=True)
        )
        known, _ = partition(values, linear)
        given = [cotangent for cotangent in cotangents if type(cotangent) is not Zero]
        results = iter(Conditional(branches).bind(index, *known, *given))
        has = iter(union)
        return [None] + [
            (next(results) if next(has) else Zero(value.type)) if is_linear(value) else None for value in values
        ]

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        index, *values = operands
        inner = axes[1:]
        if axes[0] is not None:
            return self._batch_by_selection(size, name, operands, axes)
        found = [batch_program(branch, size, inner, name) for branch in self.branches]
        columns = zip(*[positions for _, positions in found], strict=True)
        union = tuple(any(axis is not None for axis in column) for column in columns)
        together = tuple(0 if has else None for has in union)
        branches = tuple(
            program if positions == together else batch_program(branch, size, inner, name, union)[0]
            for branch, (program, positions) in zip(self.branches, found, strict=True)
        )
        return Conditional(branches).bind(index, *values), together

    def _batch_by_selection(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        # The elements of the batch choose different branches: run all of them, and choose among the results.
        index, *values = operands
        inner = axes[1:]
        forced = (True,) * len(self.branches[0].outputs)
        masks = [comparison.equal(index, literal(number, INDEX)) for number in range(len(self.branches))]
        outcomes: list[Any] = []
        for branch, mask in zip(self.branches, masks, strict=True):
            safe, places = _without_derivative_elsewhere(mask, values, inner, size)
            outcomes.append(Call(batch_program(branch, size, places, name, forced)[0]).bind(*safe))
        chosen = list(outcomes[-1])
        for here, outcome in zip(reversed(masks[:-1]), reversed(outcomes[:-1]), strict=True):
            for place, value in enumerate(outcome):
                mask = manipulation.reshape(here, (size,) + (1,) * (value.type.ndim - 1))
                chosen[place] = comparison.select(mask, value, chosen[place])
        return tuple(chosen), (0,) * len(chosen)

    def reference(self, index: Any, *operands: Any) -> Any:
        return reference_program(self.branches[int(index)], operands)


def _without_derivative_elsewhere(
    mask: Any, values: Sequence[Any], axes: Sequence[int | None], size: int
) -> tuple[list[Any], tuple[int | None, ...]]:
    """Returns the operands of a branch, without a derivative for the elements of the batch that do not choose it.

    The branch may not be differentiable there: the square root of zero would give infinity times zero, which is NaN.
    A value that all elements share must be repeated for that, which is done if it is no larger than those that are not.
    """
    largest = max(
        (math.prod(x.type.shape) // max(size, 1) for x, a in zip(values, axes, strict=True) if a is not None), default=1
    )
    safe: list[Any] = []
    places: list[int | None] = []
    for value, axis in zip(values, axes, strict=True):
        if value.type.kind not in "fc" or (axis is None and value.type.size > max(largest, 1)):
            safe.append(value)
            places.append(axis)
            continue
        batch = with_batch_axis(value, axis, size, 0)
        here = manipulation.reshape(mask, (size,) + (1,) * (batch.type.ndim - 1))
        safe.append(comparison.select(here, batch, stop_gradient(batch)))
        places.append(0)
    return safe, tuple(places)


def _share_residuals(splits: Sequence[PartialProgram]) -> tuple[list[Program], list[Program], list[int]]:
    """Makes the parts of split branches agree on one list of residuals.

    A residual that only some branches have is zero in the others; computed residuals of one type share a place.

    Returns:
        The known parts; the unknown parts; and where each residual comes from, as in `PartialProgram.sources`.
    """
    inputs = len(splits[0].known.inputs)
    counts: dict[ArrayType, int] = {}
    for split in splits:
        own: dict[ArrayType, int] = {}
        for type in split.known.output_types[split.unknown_outputs.count(False) :]:
            own[type] = own.get(type, 0) + 1
        for type, count in own.items():
            counts[type] = max(counts.get(type, 0), count)
    places = [(type, number) for type, count in counts.items() for number in range(count)]
    operands = sorted({source for split in splits for source in split.sources if source < inputs})
    order = {source: position for position, source in enumerate(operands)}
    types = [splits[0].known.input_types[source] for source in operands] + [type for type, _ in places]
    known: list[Program] = []
    unknown: list[Program] = []
    for split in splits:
        results = split.unknown_outputs.count(False)
        own = {}
        place_of: dict[int, int] = {}
        held: dict[int, Any] = {}
        for number, atom in enumerate(split.known.outputs[results:]):
            place = places.index((atom.type, own.get(atom.type, 0)))
            own[atom.type] = own.get(atom.type, 0) + 1
            place_of[inputs + number] = len(operands) + place
            held[place] = number
        known.append(_with_places(split.known, results, [held.get(place) for place in range(len(places))], places))
        targets = [order[source] if source < inputs else place_of[source] for source in split.sources]
        rest = len(split.unknown.inputs) - len(targets)
        targets += [len(types) + number for number in range(rest)]
        all_types = [*types, *split.unknown.input_types[len(split.sources) :]]
        unknown.append(extended(split.unknown, targets, all_types))
    return known, unknown, operands + [inputs + number for number in range(len(places))]


def _with_places(program: Program, results: int, held: list[int | None], places: list[Any]) -> Program:
    """Returns `program` with its outputs behind the first `results` in the given places, and zeros in the others."""

    def function(*operands: Any) -> list[Any]:
        outputs = program.evaluate(*operands)
        return [*outputs[:results]] + [
            manipulation.zeros_of(type) if number is None else outputs[results + number]
            for number, (type, _) in zip(held, places, strict=True)
        ]

    return trace_program(function, program.input_types, program.name)[0]


@boundary("switch")
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Returns the result of the branch that the integer `index` chooses.

    An index that is too small or too large chooses the first or the last branch. A concrete index, outside of `jit`,
    just calls the branch; a traced one leaves a conditional. Under `vmap` with an index that differs between the
    elements, all branches are run.

    Args:
        index: Integer scalar.
        branches: Functions of `operands` that return values of one structure and of the same types.
        operands: Structures of arrays.

    Raises:
        StructureError: If the results of two branches have different structures or types.
        OperandError: If the index is not an integer, or there is no branch.
    """
    if not branches:
        raise OperandError("`switch` expected at least one branch, but got none")
    check_callable("switch", **{f"branches[{number}]": branch for number, branch in enumerate(branches)})
    index = scalar_operand(index, "switch", "index")
    if index.type.kind not in "iu":
        raise hinted(
            OperandError(f"`switch` expected an integer index, but got one of type {index.type}"),
            "use `cond` for a boolean",
        )
    last = len(branches) - 1
    known = known_scalar(index)
    if known is not None:
        return trees.map(visible, branches[min(max(known, 0), last)](*operands))
    if last == 0:
        return trees.map(visible, branches[0](*operands))
    clamped = arithmetic.minimum(arithmetic.maximum(index, 0), last)
    return _conditional("switch", conversions.convert(clamped, INDEX), list(branches), operands)


@boundary("cond")
def cond(
    predicate: Any,
    true_fun: Callable[..., Any],
    false_fun: Callable[..., Any],
    *operands: Any,
    operand: Any = _NOT_GIVEN,
) -> Any:
    """Returns `true_fun(*operands)` if `predicate` holds, otherwise `false_fun(*operands)`.

    A concrete predicate, outside of `jit`, just calls the function; a traced one leaves a conditional, of which only
    the chosen branch is run. Under `vmap` with a predicate that differs between the elements, both are, but the
    derivative of an element goes through its own branch only.

    Args:
        predicate: Boolean scalar; a number holds if it is not zero.
        true_fun: Function of `operands`.
        false_fun: Function of `operands` that returns values of the same structure and types.
        operands: Structures of arrays.
        operand: The only operand, if it is given by name. It may be `None`.

    Raises:
        ArgumentError: If there are operands by position and by name.
        StructureError: If the results of the functions have different structures or types.
    """
    check_callable("cond", true_fun=true_fun, false_fun=false_fun)
    if operand is not _NOT_GIVEN:
        if operands:
            raise hinted(
                ArgumentError(f"`cond` expected no operands beside `operand`, but got {len(operands)} by position"),
                "pass all operands by position",
            )
        operands = (operand,)
    predicate = scalar_operand(predicate, "cond", "predicate")
    known = known_scalar(predicate)
    if known is not None:
        return trees.map(visible, (true_fun if known else false_fun)(*operands))
    index = conversions.convert(comparison.truth(predicate), INDEX)
    return _conditional("cond", index, [false_fun, true_fun], operands)


def _conditional(name: str, index: Any, functions: list[Callable[..., Any]], operands: tuple[Any, ...]) -> Any:
    values, structure = array_leaves(operands, name, "operands")
    # A branch may see literals as such: they need no operand.
    places = [place for place, value in enumerate(values) if type(value) is not Literal]

    def with_literals(function: Callable[..., Any]) -> Body:
        def flat(*arrays: Any) -> Any:
            filled: list[Any] = list(values)
            for place, array in zip(places, arrays, strict=True):
                filled[place] = array
            return function(*structure.unflatten(filled))

        flat.__name__ = function_name(function)
        return trace_body(flat, structure_of(*places), [values[place].type for place in places])

    bodies = [with_literals(function) for function in functions]
    labels = ["the false branch", "the true branch"] if name == "cond" else [f"branch {i}" for i in range(len(bodies))]
    first = len(bodies) - 1 if name == "cond" else 0
    for label, body in zip(labels, bodies, strict=True):
        what = f"{label} to return the structure that {labels[first]} does"
        check_structure(name, what, bodies[first].structure, body.structure)
    types = _common_types(name, labels, bodies, first)
    programs, captured = share_constants([converted(body, types) for body in bodies])
    operation = Conditional(tuple(programs))
    results = operation.bind(index, *captured, *[values[place] for place in places])
    return bodies[first].structure.unflatten(results)


def _common_types(name: str, labels: list[str], bodies: list[Body], first: int) -> list[ArrayType]:
    """Returns the types that the results of all branches are converted to: weakly typed ones give way."""
    columns = list(zip(*(body.program.output_types for body in bodies), strict=True))
    types: list[ArrayType] = []
    for path, column in zip(bodies[first].structure.paths, columns, strict=True):
        strong = [type for type in column if not type.weak] or [column[first]]
        target = strong[0]
        for label, type in zip(labels, column, strict=True):
            fits = type.shape == target.shape and (
                type.dtype == target.dtype
                or (type.weak and promote_types(target.dtype, target.weak, type.dtype, True)[0] == target.dtype)
            )
            if not fits:
                raise hinted(
                    StructureError(
                        f"`{name}` expected branches that return values of the same types, but `result{path}` is "
                        f"{column[first]} in {labels[first]} and {type if type is not column[first] else target} "
                        f"in {label if type is not column[first] else labels[column.index(target)]}"
                    ),
                    "convert the results, for example with `astype` or `reshape`",
                )
        types.append(target)
    return types


from ryft_core.primitives import arithmetic, comparison, conversions, manipulation  # noqa: E402
from ryft_core.primitives.barriers import stop_gradient  # noqa: E402
from ryft_core.primitives.calls import Call  # noqa: E402
from ryft_core.tracing.tracers import trace_program  # noqa: E402
from ryft_core.transforms.batching import with_batch_axis  # noqa: E402
from ryft_core.transforms.functions import function_name  # noqa: E402
from ryft_core.transforms.programs import (  # noqa: E402
    batch_program,
    jvp_program,
    partial_program,
    transpose_program,
)
