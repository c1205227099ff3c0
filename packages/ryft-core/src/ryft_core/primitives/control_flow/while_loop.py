"""Loops that run for as long as a condition holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DifferentiationError, ShapeError, hinted
from ryft_core.primitives.nested import Nested, extended, partition, reference_program, reordered
from ryft_core.primitives.symbolic import Zero
from ryft_core.programs.passes import eliminate_dead_code
from ryft_core.programs.programs import Program
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["While"]


class While(Nested):
    """Loop that applies `body` to the carries for as long as `condition` holds for them.

    The operands are the constants of the condition, those of the body, and the initial carries; the results are the
    last carries. With a `bound`, the loop promises to take at most so many steps, and has a reverse derivative.
    """

    condition: Program
    body: Program
    condition_constants: int
    body_constants: int
    bound: int | None = None

    name = "while"
    in_kernel = True
    is_loop = True

    def split(self, values: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Returns what belongs to the constants of the condition, those of the body, and the carries."""
        end = self.condition_constants + self.body_constants
        return (
            list(values[: self.condition_constants]),
            list(values[self.condition_constants : end]),
            list(values[end:]),
        )

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        _, _, carries = self.split(types)
        after = self.body.output_types
        same = len(carries) == len(after) and all(
            old.shape == new.shape and old.dtype == new.dtype for old, new in zip(carries, after, strict=True)
        )
        if not same:
            raise ShapeError(
                f"`while` expected carries of the types that its body returns, {', '.join(map(str, after))}, "
                f"but got {', '.join(map(str, carries))}"
            )
        return after

    def lower(self, builder: Builder, *operands: Any) -> Any:
        first, second = self.condition_constants, self.condition_constants + self.body_constants

        def condition(block: Any, *values: Any) -> Any:
            (holds,) = builder.inline(block, self.condition, [*values[:first], *values[second:]])
            return holds

        def body(block: Any, *values: Any) -> Any:
            return [*values[:second], *builder.inline(block, self.body, values[first:])]

        return builder.emit("while_", operands, condition, body)[second:]

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        condition_constants, constants, inits = self.split(primals)
        _, changes, carried = self.split(tangents)
        moving = tuple(type(tangent) is not Zero for tangent in changes)
        mapped = [type(tangent) is not Zero for tangent in carried]
        while True:
            body, present = jvp_program(self.body, (*moving, *mapped), tuple(mapped))
            if list(present) == mapped:
                break
            mapped = list(present)
        count, carries = len(moving), len(mapped)
        tangent_count = sum(moving)
        start = count + carries
        order = [*range(count), *range(start, start + tangent_count), *range(count, start)]
        order += range(start + tangent_count, len(body.inputs))
        types = [*self.condition.input_types, *body.input_types[start + tangent_count :]]
        operation = While(
            extended(self.condition, range(len(self.condition.inputs)), types),
            reordered(body, order),
            self.condition_constants,
            count + tangent_count,
            self.bound,
        )
        given = [tangent for tangent in changes if type(tangent) is not Zero]
        start_tangents = [instantiate(tangent) for tangent, has in zip(carried, mapped, strict=True) if has]
        results = operation.bind(*condition_constants, *constants, *given, *inits, *start_tangents)
        last = iter(results[carries:])
        return results[:carries], tuple(
            next(last) if has else Zero(value.type.tangent)
            for has, value in zip(mapped, results[:carries], strict=True)
        )

    def partial(self, trace: Any, operands: tuple[Any, ...]) -> Any:
        if self.bound is not None:
            return bounded_loop(self, operands)
        unknown = [trace.owns(operand) for operand in operands]
        condition_unknown, constants, carries = self.split(unknown)
        while True:
            split = partial_program(self.body, (*constants, *carries), tuple(carries))
            if list(split.unknown_outputs) == carries:
                break
            carries = list(split.unknown_outputs)
        used = eliminate_dead_code(self.condition)
        needed = {atom for equation in used.equations for atom in equation.inputs} | set(used.outputs)
        state = used.inputs[self.condition_constants :]
        depends = any(moves and variable in needed for variable, moves in zip(state, carries, strict=True))
        if any(condition_unknown) or depends or all(carries):
            return trace.record(self, operands)
        # The steps of a loop are not counted, so the unknown part cannot use what the known part computed: do the
        # known carries now, and run the whole loop again for the unknown ones.
        first, values, inits = self.split(operands)
        count = carries.count(False)
        known = eliminate_dead_code(reordered(split.known, range(len(split.known.inputs)), range(count)))
        kept = [*range(self.condition_constants)]
        kept += [self.condition_constants + place for place, moves in enumerate(carries) if not moves]
        known_values, known_inits = partition(values, constants)[0], partition(inits, carries)[0]
        operation = While(eliminate_dead_code(reordered(self.condition, kept)), known, len(first), len(known_values))
        known_results = trace.apply_known(operation, [*first, *known_values, *known_inits])
        results = trace.record(self, operands)
        return split.merge(known_results, partition(results, carries)[1])

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        raise hinted(
            DifferentiationError("a `while_loop` whose number of steps has no bound has no reverse-mode derivative"),
            "pass `bound`, the largest number of steps, to `while_loop`; use `fori_loop` with a number of steps that "
            "is known when it is traced, or `scan`; or differentiate forwards with `jvp` or `jacfwd`",
        )

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        first, constants, carries = self.split(axes)
        mapped = [axis is not None for axis in carries]
        while True:
            inner = tuple(0 if moves else None for moves in mapped)
            condition, (decides,) = batch_program(self.condition, size, (*first, *inner), name)
            if decides is not None:
                mapped = [True] * len(mapped)
                inner = (0,) * len(mapped)
            body, positions = batch_program(self.body, size, (*constants, *inner), name, tuple(mapped))
            after = [axis is not None for axis in positions]
            if after == mapped:
                break
            mapped = after
        values, others, inits = self.split(operands)
        inits = [
            with_batch_axis(value, axis, size, 0) if moves else value
            for value, axis, moves in zip(inits, carries, mapped, strict=True)
        ]
        if decides is None:
            operation = While(condition, body, self.condition_constants, self.body_constants, self.bound)
            return operation.bind(*values, *others, *inits), positions
        condition, _ = batch_program(self.condition, size, (*first, *inner), name, (True,))
        operation = While(
            _any_holds(condition),
            _masked(condition, body, self.condition_constants),
            self.condition_constants,
            self.condition_constants + self.body_constants,
            self.bound,
        )
        return operation.bind(*values, *values, *others, *inits), positions

    def reference(self, *operands: Any) -> Any:
        first, constants, carries = self.split(operands)
        while reference_program(self.condition, [*first, *carries])[0]:
            carries = list(reference_program(self.body, [*constants, *carries]))
        return tuple(carries)


def _any_holds(condition: Program) -> Program:
    """Returns the program that tells whether a batched condition holds for some element."""

    def function(*operands: Any) -> list[Any]:
        (holds,) = condition.evaluate(*operands)
        return [reductions.ReduceOr((0,)).bind(holds)]

    return condition.derived(
        "any_holds", lambda: trace_program(function, condition.input_types, f"{condition.name}_any")[0]
    )


def _masked(condition: Program, body: Program, count: int) -> Program:
    """Returns a batched body that leaves the elements alone for which the condition does not hold any more.

    Its constants are the `count` constants of the condition, and then those of the body.
    """
    types = body.input_types
    carries = len(body.outputs)
    constants = len(types) - carries

    def function(*operands: Any) -> list[Any]:
        first, others, state = operands[:count], operands[count : count + constants], operands[count + constants :]
        (holds,) = condition.evaluate(*first, *state)

        def where_it_holds(new: Any, old: Any) -> Any:
            mask = manipulation.reshape(holds, holds.type.shape + (1,) * (new.type.ndim - 1))
            return comparison.select(mask, new, old)

        # Where the loop has ended, the step need not have a derivative: infinity times zero would give NaN.
        safe = [where_it_holds(old, stop_gradient(old)) if old.type.kind in "fc" else old for old in state]
        return list(map(where_it_holds, body.evaluate(*others, *safe), state))

    return body.derived(
        ("masked", condition),
        lambda: trace_program(function, [*condition.input_types[:count], *types], f"{body.name}_masked")[0],
    )


STEPS_PER_LEVEL = 16
"""Number of steps, or of blocks of steps, whose states the reverse derivative of a bounded loop keeps at a time."""


def bounded_loop(loop: While, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Applies a loop of at most `loop.bound` steps as nested scans, which have a reverse derivative.

    The blocks of each level but the innermost are recomputed in the reverse derivative, which so keeps a number of
    states that is proportional to the logarithm of the bound. Blocks after the last step are skipped.
    """
    assert loop.bound is not None
    levels = max(1, math.ceil(math.log(max(loop.bound, 1), STEPS_PER_LEVEL)))
    length = max(1, round(loop.bound ** (1 / levels)))
    while length**levels < loop.bound:
        length += 1
    first, second = loop.condition_constants, loop.condition_constants + loop.body_constants
    carries = len(operands) - second
    types = [value.type for value in operands]
    state_types = loop.body.output_types

    def guarded(inner: Program) -> Program:
        """Returns the program that applies `inner` if the condition holds, with all constants as leading inputs."""

        def function(*values: Any) -> tuple[Any, ...]:
            (holds,) = loop.condition.evaluate(*values[:first], *values[second:])
            identity = Program(inner.inputs, (), inner.inputs[second:], "stay")
            index = conversions.convert(holds, numpy.dtype("int32"))
            return Conditional((identity, inner)).bind(index, *values)

        return trace_program(function, [*types[:second], *state_types], inner.name)[0]

    def repeated(step: Program) -> Program:
        def function(*values: Any) -> tuple[Any, ...]:
            return Scan(step, length, second, carries).bind(*values)

        return trace_program(function, [*types[:second], *state_types], step.name)[0]

    places = [*range(first, len(operands))]
    step = guarded(extended(loop.body, places, [*types[:second], *state_types]))
    for level in range(levels):
        if level:
            step = guarded(trace_program(Checkpoint(step, prevent_cse=False).bind, step.input_types, step.name)[0])
        step = repeated(step)
    return step.evaluate(*operands)


from ryft_core.primitives import comparison, conversions, manipulation, reductions  # noqa: E402
from ryft_core.primitives.barriers import stop_gradient  # noqa: E402
from ryft_core.primitives.checkpointing import Checkpoint  # noqa: E402
from ryft_core.primitives.control_flow.conditional import Conditional  # noqa: E402
from ryft_core.primitives.control_flow.scan import Scan  # noqa: E402
from ryft_core.tracing.tracers import trace_program  # noqa: E402
from ryft_core.transforms.batching import with_batch_axis  # noqa: E402
from ryft_core.transforms.jvp import instantiate  # noqa: E402
from ryft_core.transforms.programs import batch_program, jvp_program, partial_program  # noqa: E402
