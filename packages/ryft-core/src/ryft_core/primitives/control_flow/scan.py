"""Scans: a step is applied to each slice of arrays in turn, with a carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import ShapeError
from ryft_core.primitives.nested import Nested, partition, reference_program, reordered
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.programs.atoms import Variable
from ryft_core.programs.passes import eliminate_dead_code, is_pure
from ryft_core.programs.programs import Equation, Program
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder
    from ryft_core.transforms.programs import PartialProgram

__all__ = ["Scan"]

COUNTER = ArrayType((), numpy.dtype("int32"))


class Scan(Nested):
    """Loop of `length` steps of `body`, which maps constants, carries and slices to new carries and result slices.

    The operands are the constants, the initial carries, and arrays whose slices along their first axis the steps get,
    the last one first if `reverse`. The results are the last carries, and the result slices stacked.
    """

    body: Program
    length: int
    constants: int
    carries: int
    reverse: bool = False
    unroll: int = 1

    name = "scan"
    in_kernel = True
    is_loop = True

    def split(self, values: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Returns what belongs to the constants, the carries and the scanned arrays."""
        end = self.constants + self.carries
        return list(values[: self.constants]), list(values[self.constants : end]), list(values[end:])

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        _, _, scanned = self.split(types)
        if len(types) != len(self.body.inputs):
            raise ShapeError(f"`scan` expected {len(self.body.inputs)} operands, but got {len(types)}")
        for index, type in enumerate(scanned):
            if type.shape[:1] != (self.length,):
                raise ShapeError(f"`scan` of length {self.length} cannot scan array {index} of shape {type.shape}")
        outputs = self.body.output_types
        stacked = [type.with_shape((self.length, *type.shape)) for type in outputs[self.carries :]]
        return (*outputs[: self.carries], *stacked)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return lower_scan(self, builder, operands)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        moving = tuple(type(tangent) is not Zero for tangent in tangents)
        constants, carries, scanned = self.split(moving)
        results = len(self.body.outputs) - self.carries
        while True:
            nonzero = (*constants, *carries, *scanned)
            body, present = jvp_program(self.body, nonzero, (*carries, *(False,) * results))
            after = present[: self.carries]
            if after == tuple(carries):
                break
            carries = list(after)
        inits = self.split(tangents)[1]
        changes = [instantiate(tangent) if moves else tangent for tangent, moves in zip(inits, carries, strict=True)]
        tangents = (*tangents[: self.constants], *changes, *tangents[self.constants + self.carries :])
        count = len(moving)
        order = _interleaved(self.split(range(count)), self.split(_numbers(nonzero, count)))
        outputs = _numbers(present, len(present))
        order_out = [*range(self.carries), *[n for n in outputs[: self.carries] if n is not None]]
        order_out += [*range(self.carries, len(present)), *[n for n in outputs[self.carries :] if n is not None]]
        operation = Scan(
            reordered(body, order, order_out),
            self.length,
            self.constants + sum(constants),
            self.carries + sum(carries),
            self.reverse,
            self.unroll,
        )
        given = [tangent if moves else None for tangent, moves in zip(tangents, nonzero, strict=True)]
        bound = operation.bind(*_interleaved(self.split(primals), self.split(given)))
        found: dict[int, Any] = dict(zip(order_out, bound, strict=True))
        values = tuple(found[place] for place in range(len(present)))
        return values, tuple(
            Zero(value.type.tangent) if number is None else found[number]
            for value, number in zip(values, outputs, strict=True)
        )

    def partial(self, trace: Any, operands: tuple[Any, ...]) -> Any:
        unknown = [trace.owns(operand) for operand in operands]
        results = len(self.body.outputs) - self.carries
        while True:
            constants, carries, scanned = self.split(unknown)
            split = partial_program(self.body, tuple(unknown), (*carries, *(False,) * results))
            after = list(split.unknown_outputs[: self.carries])
            if after == carries:
                break
            unknown = [*constants, *after, *scanned]
        known_operands, unknown_operands = partition(operands, unknown)
        counts = [part.count(False) for part in (constants, carries, scanned)]
        parts = _ScanParts(split, counts)
        known_carries = counts[1]
        hoisted = list(trace.apply_known(Call(parts.hoisted), known_operands[: counts[0]])) if parts.fixed else []
        known: list[Any] = []
        if parts.known.outputs:
            operation = Scan(parts.known, self.length, counts[0], counts[1], self.reverse, self.unroll)
            known = list(trace.apply_known(operation, known_operands))
        given = split.unknown_outputs.count(False)
        fixed = [known_operands[place] for place in parts.constant_sources] + hoisted
        stacked = [known_operands[place] for place in parts.scanned_sources] + known[given:]
        free = sum(constants)
        loop = sum(carries)
        operation = Scan(parts.unknown(free, loop), self.length, len(fixed) + free, loop, self.reverse, self.unroll)
        rest = trace.record(
            operation, (*fixed, *unknown_operands[: free + loop], *stacked, *unknown_operands[free + loop :])
        )
        assert known_carries == self.carries - loop
        return split.merge(known[:given], rest)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        constants, _, scanned = self.split(operands)
        # The program is linear in all of its carries; one whose first value is known starts with a tangent of zero.
        linear = ([is_linear(x) for x in constants], [True] * self.carries, [is_linear(x) for x in scanned])
        nonzero = (*(True,) * self.carries, *(type(c) is not Zero for c in cotangents[self.carries :]))
        forced = (*(False,) * sum(linear[0]), *(True,) * self.carries, *(False,) * sum(linear[2]))
        body, present = transpose_program(self.body, (*linear[0], *linear[1], *linear[2]), nonzero, forced)
        known_constants, known_scanned = partition(constants, linear[0])[0], partition(scanned, linear[2])[0]
        free = sum(linear[0])
        summed = present[:free].count(True)
        accumulating = _accumulating(body, len(known_constants), len(known_scanned), self.carries, summed)
        totals = [
            zeros_of(x.type) for x, has in zip(partition(constants, linear[0])[1], present[:free], strict=True) if has
        ]
        carried = [*totals, *[instantiate(c) for c in cotangents[: self.carries]]]
        given = [c for c in cotangents[self.carries :] if type(c) is not Zero]
        operation = Scan(accumulating, self.length, len(known_constants), len(carried), not self.reverse, self.unroll)
        results = operation.bind(*known_constants, *carried, *known_scanned, *given)
        has = iter(present)
        found = iter(results)
        cotangents_in: list[Any] = []
        for operand, moves in zip(operands, (*linear[0], *linear[1], *linear[2]), strict=True):
            cotangent = (next(found) if next(has) else Zero(operand.type)) if moves else None
            cotangents_in.append(cotangent if is_linear(operand) else None)
        return cotangents_in

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        constants, carries, scanned = self.split(axes)
        slices = [None if axis is None else 0 for axis in scanned]
        results = len(self.body.outputs) - self.carries
        mapped = [axis is not None for axis in carries]
        while True:
            inner = (*constants, *(0 if moves else None for moves in mapped), *slices)
            body, positions = batch_program(self.body, size, inner, name, (*mapped, *(False,) * results))
            after = [axis is not None for axis in positions[: self.carries]]
            if after == mapped:
                break
            mapped = after
        values, inits, arrays = self.split(operands)
        inits = [
            with_batch_axis(value, axis, size, 0) if moves else value
            for value, axis, moves in zip(inits, carries, mapped, strict=True)
        ]
        arrays = [
            value if axis is None else moveaxis(value, axis, 1) for value, axis in zip(arrays, scanned, strict=True)
        ]
        operation = Scan(body, self.length, self.constants, self.carries, self.reverse, self.unroll)
        found = operation.bind(*values, *inits, *arrays)
        stacked = tuple(None if axis is None else axis + 1 for axis in positions[self.carries :])
        return found, (*positions[: self.carries], *stacked)

    def reference(self, *operands: Any) -> Any:
        constants, carries, scanned = self.split(operands)
        rows: dict[int, Any] = {}
        for index in range(self.length - 1, -1, -1) if self.reverse else range(self.length):
            outputs = reference_program(self.body, [*constants, *carries, *(x[index] for x in scanned)])
            carries, rows[index] = list(outputs[: self.carries]), outputs[self.carries :]
        types = self.body.output_types[self.carries :]
        stacked = [
            numpy.array([rows[index][place] for index in range(self.length)], type.dtype).reshape(
                (self.length, *type.shape)
            )
            for place, type in enumerate(types)
        ]
        return (*carries, *stacked)


def _numbers(flags: Sequence[bool], start: int) -> list[int | None]:
    """Returns consecutive numbers from `start` for the true flags, and `None` for the others."""
    numbers: list[int | None] = []
    for flag in flags:
        numbers.append(start if flag else None)
        start += flag
    return numbers


def _interleaved(first: Sequence[Sequence[Any]], second: Sequence[Sequence[Any]]) -> list[Any]:
    """Returns, for constants, carries and scanned arrays each: all of the first, then what is present of the second."""
    return [
        value
        for left, right in zip(first, second, strict=True)
        for value in [*left, *[value for value in right if value is not None]]
    ]


def _accumulating(body: Program, constants: int, scanned: int, carries: int, summed: int) -> Program:
    """Returns the step of a transposed scan.

    Args:
        body: Maps known constants, known slices, cotangents of carries and of slices, to cotangents of constants,
            carries and slices.
        constants: Number of known constants.
        scanned: Number of known slices.
        carries: Number of carries.
        summed: Number of constants that have a cotangent, which is summed over the steps.

    Returns:
        The program that maps known constants, the sums and the cotangents of the carries, known slices and cotangents
        of slices, to new sums and cotangents of carries, and cotangents of slices.
    """
    types = body.input_types
    known, slices = types[:constants], types[constants : constants + scanned]
    carried, rest = types[constants + scanned :][:carries], types[constants + scanned + carries :]

    def function(*operands: Any) -> list[Any]:
        values = list(operands)
        first = values[:constants]
        totals = values[constants : constants + summed]
        moving = values[constants + summed : constants + summed + carries]
        last = values[constants + summed + carries :]
        results = body.evaluate(*first, *last[:scanned], *moving, *last[scanned:])
        sums = [arithmetic.add(total, result) for total, result in zip(totals, results, strict=False)]
        return [*sums, *results[summed:]]

    def make() -> Program:
        input_types = [*known, *body.output_types[:summed], *carried, *slices, *rest]
        return trace_program(function, input_types, body.name)[0]

    return body.derived(("accumulating", constants, scanned, carries, summed), make)


class _ScanParts:
    """Body of a scan that was split into known and unknown, arranged for two scans and what precedes them.

    Attributes:
        hoisted: Maps the known constants to the residuals that are the same in every step.
        fixed: Whether there are such residuals.
        known: Body of the first scan; its last results are residuals that differ from step to step.
        constant_sources: Known operands that are residuals as they are, the same in every step.
        scanned_sources: Known operands that are residuals, slice by slice.
    """

    def __init__(self, split: PartialProgram, counts: list[int]) -> None:
        self.split = split
        constants, carries, _ = counts
        known = split.known
        inputs = len(known.inputs)
        given = split.unknown_outputs.count(False)
        invariant = _depend_on(known, constants)
        computed = known.outputs[given:]
        groups: dict[str, list[int]] = {"constant": [], "hoisted": [], "scanned": [], "stacked": []}
        for place, source in enumerate(split.sources):
            if source < constants:
                groups["constant"].append(place)
            elif source < inputs:
                groups["stacked" if source < constants + carries else "scanned"].append(place)
            else:
                groups["hoisted" if computed[source - inputs] in invariant else "stacked"].append(place)
        self.groups = groups
        self.constant_sources = [split.sources[place] for place in groups["constant"]]
        self.scanned_sources = [split.sources[place] for place in groups["scanned"]]

        def atom(place: int) -> Any:
            source = split.sources[place]
            return known.inputs[source] if source < inputs else computed[source - inputs]

        first = known.inputs[:constants]
        hoisted = [atom(place) for place in groups["hoisted"]]
        self.fixed = bool(hoisted)
        self.hoisted = eliminate_dead_code(Program(first, _made_by(known, invariant), hoisted, f"{known.name}_fixed"))
        outputs = [*known.outputs[:given], *[atom(place) for place in groups["stacked"]]]
        self.known = eliminate_dead_code(Program(known.inputs, known.equations, outputs, known.name))

    def unknown(self, constants: int, carries: int) -> Program:
        """Returns the body of the second scan, which has that many unknown constants and carries."""
        places = self.groups
        count = len(self.split.sources)
        total = len(self.split.unknown.inputs)
        order = [*places["constant"], *places["hoisted"], *range(count, count + constants + carries)]
        order += [*places["scanned"], *places["stacked"], *range(count + constants + carries, total)]
        return reordered(self.split.unknown, order)


def _depend_on(program: Program, constants: int) -> set[Any]:
    """Returns the variables of `program` that depend on its first inputs only."""
    invariant: set[Any] = set(program.inputs[:constants])
    for equation in program.equations:
        if is_pure(equation) and all(type(x) is not Variable or x in invariant for x in equation.inputs):
            invariant.update(equation.outputs)
    return invariant


def _made_by(program: Program, variables: set[Any]) -> list[Equation]:
    return [equation for equation in program.equations if variables.issuperset(equation.outputs)]


def lower_scan(scan: Scan, builder: Builder, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Appends a scan as a loop over a counter, which reads slices of arrays and writes slices of results."""
    hlo = builder.stable_hlo
    location = builder.location
    scan_types = scan.split(builder.operand_types)[2]
    constants, carries, scanned = scan.split(operands)
    result_types = builder.result_types[scan.carries :]
    unroll = max(1, min(scan.unroll, scan.length))
    steps = scan.length // unroll
    buffers = [_zeros(builder, type) for type in result_types]

    def scalar(block: Any, value: int) -> Any:
        return hlo.constant(block, numpy.asarray(value, COUNTER.dtype), location=location)

    def step(block: Any, number: Any, state: list[Any], fixed: Sequence[Any], arrays: Sequence[Any]) -> list[Any]:
        position = hlo.subtract(block, scalar(block, scan.length - 1), number) if scan.reverse else number
        zero = scalar(block, 0)
        slices = [
            _read(builder, block, array, type, position, zero) for array, type in zip(arrays, scan_types, strict=True)
        ]
        outputs = builder.inline(block, scan.body, [*fixed, *state[: scan.carries], *slices])
        written = [
            _write(builder, block, buffer, value, type, position, zero)
            for buffer, value, type in zip(state[scan.carries :], outputs[scan.carries :], result_types, strict=True)
        ]
        return [*outputs[: scan.carries], *written]

    fixed_count = len(constants) + len(scanned)
    state = [*carries, *buffers]
    block = builder.block
    if steps > 1:

        def condition(block: Any, counter: Any, *_: Any) -> Any:
            return hlo.compare(block, counter, scalar(block, steps), "LT")

        def body(block: Any, counter: Any, *values: Any) -> Any:
            fixed, state = values[:fixed_count], list(values[fixed_count:])
            for offset in range(unroll):
                number = counter
                if unroll > 1:
                    number = hlo.multiply(block, counter, scalar(block, unroll))
                    number = hlo.add(block, number, scalar(block, offset))
                state = step(block, number, state, fixed[: len(constants)], fixed[len(constants) :])
            return (hlo.add(block, counter, scalar(block, 1)), *fixed, *state)

        initial = [scalar(block, 0), *constants, *scanned, *state]
        results = builder.emit("while_", initial, condition, body)
        state = list(results[1 + fixed_count :])
        first = steps * unroll
    else:
        first = 0
    for number in range(first, scan.length):
        state = step(block, scalar(block, number), state, constants, scanned)
    return tuple(state)


def _zeros(builder: Builder, type: ArrayType) -> Any:
    zero = builder.constant(numpy.zeros((), type.dtype))
    return builder.broadcast(zero, type.with_shape(()), type.shape)


def _read(builder: Builder, block: Any, array: Any, type: ArrayType, position: Any, zero: Any) -> Any:
    shape = type.shape[1:]
    starts = [position, *[zero] * len(shape)]
    hlo = builder.stable_hlo
    part = hlo.dynamic_slice(block, array, starts, (1, *shape), location=builder.location)
    return hlo.reshape(block, part, builder.type(type.with_shape(shape)), location=builder.location)


def _write(builder: Builder, block: Any, buffer: Any, value: Any, type: ArrayType, position: Any, zero: Any) -> Any:
    shape = type.shape[1:]
    hlo = builder.stable_hlo
    part = hlo.reshape(block, value, builder.type(type.with_shape((1, *shape))), location=builder.location)
    starts = [position, *[zero] * len(shape)]
    return hlo.dynamic_update_slice(block, buffer, part, starts, location=builder.location)


from ryft_core.primitives import arithmetic  # noqa: E402
from ryft_core.primitives.calls import Call  # noqa: E402
from ryft_core.primitives.manipulation import moveaxis, zeros_of  # noqa: E402
from ryft_core.tracing.tracers import trace_program  # noqa: E402
from ryft_core.transforms.batching import with_batch_axis  # noqa: E402
from ryft_core.transforms.jvp import instantiate  # noqa: E402
from ryft_core.transforms.programs import (  # noqa: E402
    batch_program,
    jvp_program,
    partial_program,
    transpose_program,
)
