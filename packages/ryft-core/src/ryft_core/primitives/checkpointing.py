"""Checkpoints: programs whose intermediate values are computed again in the reverse derivative, rather than kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import ArgumentTypeError
from ryft_core.primitives.barriers import CheckpointName
from ryft_core.primitives.nested import Nested, partition, reference_program
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.programs.atoms import Variable
from ryft_core.programs.passes import eliminate_dead_code, inline_calls
from ryft_core.programs.programs import Equation, Program
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["Checkpoint", "Policy"]

Policy = Callable[..., bool]
"""Tells from a primitive and the types of its operands whether the results of an application are kept."""


class Checkpoint(Nested):
    """Application of a program, of which the reverse derivative keeps the operands and what the policy allows.

    Attributes:
        program: What is computed.
        policy: Tells what else to keep; nothing, if `None`.
        prevent_cse: Whether the compiler is kept from merging the second computation with the first.
        differentiated: Whether this is the second computation, in a derivative.
    """

    program: Program
    policy: Policy | None = None
    prevent_cse: bool = True
    differentiated: bool = False

    name = "checkpoint"

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        if len(types) != len(self.program.inputs):
            raise ArgumentTypeError(
                f"`{self.program.name}` expected {len(self.program.inputs)} operands, but got {len(types)}"
            )
        return self.program.output_types

    def lower(self, builder: Builder, *operands: Any) -> Any:
        if not (self.differentiated and self.prevent_cse and operands):
            return builder.inline(builder.block, self.program, operands)
        types, results = builder.operand_types, builder.results
        values = builder.emit("optimization_barrier", operands)
        if default_client().platform_name != "cpu":
            return builder.inline(builder.block, self.program, values)
        # The CPU's compiler drops barriers before it merges equal operations, but does not look into conditionals.
        index = opaque_index(builder, values, types)
        zeros = [builder.constant(numpy.zeros((), type.dtype)) for type in self.program.output_types]
        branches = [
            lambda block: [
                builder.stable_hlo.broadcast_in_dim(block, zero, type, (), location=builder.location)
                for zero, type in zip(zeros, results, strict=True)
            ],
            lambda block: builder.inline(block, self.program, values),
        ]
        return builder.emit("case", index, branches, result_types=results)

    def of(self, program: Program, differentiated: bool) -> Checkpoint:
        """Returns the checkpoint of another program with the same settings."""
        return Checkpoint(program, self.policy, self.prevent_cse, differentiated)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        nonzero = tuple(type(tangent) is not Zero for tangent in tangents)
        program, present = jvp_program(self.program, nonzero)
        given = [tangent for tangent in tangents if type(tangent) is not Zero]
        results = self.of(program, self.differentiated).bind(*primals, *given)
        count = len(present)
        changes = iter(results[count:])
        return results[:count], tuple(
            next(changes) if has else Zero(result.type.tangent)
            for has, result in zip(present, results[:count], strict=True)
        )

    def partial(self, trace: Any, operands: tuple[Any, ...]) -> Any:
        unknown = tuple(trace.owns(operand) for operand in operands)
        split = self.program.derived(
            ("checkpoint", unknown, self.policy), lambda: split_by_policy(self.program, unknown, self.policy)
        )
        known_operands, unknown_operands = partition(operands, unknown)
        known: tuple[Any, ...] = ()
        if split.known.outputs:
            known = trace.apply_known(self.of(split.known, self.differentiated), known_operands)
        results = split.unknown_outputs.count(False)
        residuals = [*[known_operands[place] for place in split.kept_operands], *known[results:]]
        rest = iter(trace.record(self.of(split.unknown, True), (*residuals, *unknown_operands)))
        given = iter(known[:results])
        return tuple(next(rest) if is_unknown else next(given) for is_unknown in split.unknown_outputs)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        linear = tuple(is_linear(operand) for operand in operands)
        nonzero = tuple(type(cotangent) is not Zero for cotangent in cotangents)
        program, present = transpose_program(self.program, linear, nonzero)
        known, _ = partition(operands, linear)
        given = [cotangent for cotangent in cotangents if type(cotangent) is not Zero]
        results = iter(self.of(program, True).bind(*known, *given))
        has = iter(present)
        return [
            (next(results) if next(has) else Zero(operand.type)) if is_linear(operand) else None for operand in operands
        ]

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        program, positions = batch_program(self.program, size, axes, name)
        return self.of(program, self.differentiated).bind(*operands), positions

    def text(self) -> str:
        policy = getattr(self.policy, "__name__", self.policy)
        return f"{self.name}[policy={policy}, prevent_cse={self.prevent_cse}, differentiated={self.differentiated}]"

    def reference(self, *operands: Any) -> Any:
        return reference_program(self.program, operands)


@dataclass
class CheckpointSplit:
    """A program split into what is computed once, and what is computed in the derivative.

    Attributes:
        known: Maps the known inputs to the known outputs and the values that the policy keeps.
        unknown: Maps some known inputs, the kept values and the unknown inputs to the unknown outputs.
        unknown_outputs: Whether each output of the whole program is unknown.
        kept_operands: Which of the known inputs `unknown` takes.
    """

    known: Program
    unknown: Program
    unknown_outputs: tuple[bool, ...]
    kept_operands: list[int]


def opaque_index(builder: Builder, values: Sequence[Any], types: Sequence[ArrayType]) -> Any:
    """Appends an integer that is not zero, which the compiler cannot know: bits of a value, of which one is set."""
    hlo, block, location = builder.stable_hlo, builder.block, builder.location
    integer = ArrayType((), numpy.dtype("int32"))
    one = builder.constant(numpy.ones((), "int32"))
    place = next((i for i, type in enumerate(types) if type.size and type.kind == "f"), None)
    if place is None:
        return one
    type = types[place]
    single = (1,) * type.ndim
    element = hlo.slice(block, values[place], (0,) * type.ndim, single, single, location=location)
    element = hlo.reshape(block, element, builder.type(type.with_shape(())), location=location)
    real = builder.type(ArrayType((), numpy.dtype("float32")))
    bits = hlo.bitcast_convert(
        block, hlo.convert(block, element, real, location=location), builder.type(integer), location=location
    )
    return hlo.or_(block, bits, one, location=location)


def split_by_policy(program: Program, unknown: tuple[bool, ...], policy: Policy | None) -> CheckpointSplit:
    """Returns `program` split so that the unknown part computes again what the policy does not keep."""
    # A policy sees what a called program does, too.
    split = partial_program(inline_calls(program) if policy is not None else program, unknown)
    known = split.known
    results = split.unknown_outputs.count(False)
    available = [*known.inputs, *known.outputs[results:]]
    residuals = [available[source] for source in split.sources]
    needed = set(residuals)
    kept: list[Variable] = []
    again: list[Equation] = []
    barred = _excluded(known, policy)
    for equation in reversed(known.equations):
        wanted = [variable for variable in equation.outputs if variable in needed]
        if not wanted:
            continue
        types = [atom.type for atom in equation.inputs]
        if policy is not None and barred.isdisjoint(wanted) and policy(equation.primitive, *types):
            kept.extend(wanted)
        else:
            again.append(equation)
            needed.update(atom for atom in equation.inputs if type(atom) is Variable)
    operands = [place for place, variable in enumerate(known.inputs) if variable in needed]
    renamed: dict[Any, Any] = dict(zip(split.unknown.inputs, residuals, strict=False))

    def rename(atoms: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(renamed.get(atom, atom) for atom in atoms)

    equations = again[::-1] + [
        Equation(e.primitive, rename(e.inputs), e.outputs, e.location, e.scope) for e in split.unknown.equations
    ]
    inputs = [*[known.inputs[place] for place in operands], *kept, *split.unknown.inputs[len(residuals) :]]
    outputs = [*known.outputs[:results], *kept]
    return CheckpointSplit(
        eliminate_dead_code(Program(known.inputs, known.equations, outputs, known.name)),
        Program(inputs, equations, rename(split.unknown.outputs), split.unknown.name),
        split.unknown_outputs,
        operands,
    )


def _excluded(program: Program, policy: Policy | None) -> set[Any]:
    """Returns what `program` gives names that the policy excludes: keeping that would keep the named values."""
    names = getattr(policy, "excluded_names", ())
    return {
        atom
        for equation in program.equations
        if isinstance(equation.primitive, CheckpointName) and equation.primitive.label in names
        for atom in equation.inputs
    }


from ryft_core.backends import default_client  # noqa: E402
from ryft_core.transforms.programs import (  # noqa: E402
    batch_program,
    jvp_program,
    partial_program,
    transpose_program,
)
