"""Functions with rules of their own: applications that know how to be differentiated, batched and lowered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DifferentiationError, LeakedTracerError, hinted
from ryft_core.primitives.nested import Nested, partition, reference_program, uses_axis
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.programs.atoms import Literal
from ryft_core.programs.programs import Program
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["BackwardRule", "CustomFunction", "CustomLinear", "Rules"]


class Rules:
    """What a function with rules of its own does with arrays. Equal rules do the same."""

    label: str
    """Name of the function, for people."""
    lowerings: Mapping[str | None, Callable[..., Any]] = {}
    """Functions of a builder and values for platforms; that of `None` is for all others."""
    has_batch_rule: bool = False

    def call(self, *operands: Any) -> Sequence[Any]:
        """Returns the results of the function itself."""
        raise NotImplementedError

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """Returns the results, and their tangents. A tangent, in or out, may be a symbolic zero."""
        raise NotImplementedError

    def batch(
        self, size: int, operands: Sequence[Any], axes: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        """Returns the results for whole batches, and their mapped axes, if `has_batch_rule`."""
        raise NotImplementedError


@dataclass(frozen=True)
class BatchedRules(Rules):
    """The rules of a function applied to whole batches; all of its results have the mapped axis first."""

    rules: Rules
    size: int
    axis_name: object
    axes: tuple[int | None, ...]

    @property
    def label(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.rules.label

    def call(self, *operands: Any) -> Sequence[Any]:
        return self._leading(*run_batched(self.rules.call, self.size, self.axis_name, operands, self.axes))

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        count = len(primals)
        moves = [type(tangent) is not Zero for tangent in tangents]
        given = [tangent for tangent in tangents if type(tangent) is not Zero]
        axes = [*self.axes, *partition(self.axes, moves)[1]]
        present: list[bool] = []

        def function(*operands: Any) -> list[Any]:
            inner = iter(operands[count:])
            changes = [
                next(inner) if has else Zero(primal.type.tangent)
                for primal, has in zip(operands[:count], moves, strict=True)
            ]
            results, results_changes = self.rules.jvp(operands[:count], changes)
            present.extend(type(change) is not Zero for change in results_changes)
            return [*results, *[change for change in results_changes if type(change) is not Zero]]

        values, found = run_batched(function, self.size, self.axis_name, [*primals, *given], axes)
        results = self._leading(values, found)
        outputs = results[: len(present)]
        changes = iter(results[len(present) :])
        return outputs, [
            next(changes) if has else Zero(output.type.tangent) for has, output in zip(present, outputs, strict=True)
        ]

    def _leading(self, values: Sequence[Any], axes: Sequence[int | None]) -> list[Any]:
        return [with_batch_axis(value, axis, self.size, 0) for value, axis in zip(values, axes, strict=True)]


class CustomFunction(Nested):
    """Application of a function that has rules of its own.

    Attributes:
        rules: The function and its rules.
        program: What the function computes; `None` where values are concrete and the function is just called.
        constants: Number of leading operands that the function captured; its rules do not know of them.
    """

    rules: Rules
    program: Program | None = None
    constants: int = 0

    name = "custom_function"

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        return self._program(types).output_types

    def _program(self, types: Sequence[ArrayType]) -> Program:
        if self.program is not None:
            return self.program
        return trace_program(self.rules.call, types, self.rules.label)[0]

    def evaluate(self, operands: tuple[Any, ...]) -> Any:
        if self.program is None:
            try:
                return tuple(self.rules.call(*operands))
            except LeakedTracerError as error:
                raise self._captured() from error
        return super().evaluate(operands)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        lowerings = self.rules.lowerings
        rule = lowerings.get(default_client().platform_name, lowerings.get(None)) if lowerings else None
        if rule is None:
            assert self.program is not None
            return builder.inline(builder.block, self.program, operands)
        results = rule(builder, *operands[self.constants :])
        return tuple(results) if isinstance(results, tuple | list) else (results,)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        if any(type(tangent) is not Zero for tangent in tangents[: self.constants]):
            raise self._captured()
        try:
            results, changes = self.rules.jvp(primals[self.constants :], tangents[self.constants :])
        except LeakedTracerError as error:
            raise self._captured() from error
        return tuple(results), tuple(changes)

    def _captured(self) -> DifferentiationError:
        return hinted(
            DifferentiationError(
                f"`{self.rules.label}` has rules of its own and captured a value that a transformation around it works "
                "on, which the rules do not know of"
            ),
            "pass the value to the function as an argument",
        )

    def partial(self, trace: Any, operands: tuple[Any, ...]) -> Any:
        if self.program is not None:
            return trace.record(self, operands)
        program, captured = trace_program(self.rules.call, [value.type for value in operands], self.rules.label)
        return trace.record(CustomFunction(self.rules, program, len(captured)), (*captured, *operands))

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        assert self.program is not None
        return Call(self.program).transpose(cotangents, operands)

    def uses_axis(self, name: object) -> bool:
        # What a function does that was not traced is not known.
        return name is not None and (self.program is None or uses_axis(self.program, name))

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        if self.rules.has_batch_rule:
            results, positions = self.rules.batch(size, operands[self.constants :], axes[self.constants :])
            return tuple(results), tuple(positions)
        rules = BatchedRules(self.rules, size, name, axes[self.constants :])
        program = None
        if self.program is not None:
            forced = (True,) * len(self.program.outputs)
            program, _ = batch_program(self.program, size, axes, name, forced)
        results = CustomFunction(rules, program, self.constants).bind(*operands)
        return results, (0,) * len(results)

    def text(self) -> str:
        return f"{self.name}[{self.rules.label}]"

    def reference(self, *operands: Any) -> Any:
        types = [ArrayType(operand.shape, operand.dtype) for operand in operands]
        return reference_program(self._program(types), operands)


class BackwardRule:
    """Linear function from cotangents of results to cotangents of operands, with residuals."""

    label: str

    def apply(self, residuals: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """Returns the cotangents of the operands; one may be a symbolic zero."""
        raise NotImplementedError


@dataclass(frozen=True)
class BatchedBackwardRule(BackwardRule):
    """A backward rule applied to whole batches. The cotangents that it takes have the mapped axis first.

    Attributes:
        rule: Rule of one element.
        residual_axes: Mapped axes of the residuals.
        operand_axes: Mapped axes of the operands; the cotangent of one that all elements share is summed over them.
    """

    rule: BackwardRule
    size: int
    axis_name: object
    residual_axes: tuple[int | None, ...]
    operand_axes: tuple[int | None, ...]

    @property
    def label(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.rule.label

    def apply(self, residuals: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        count = len(residuals)
        zeros: list[Any] = []

        def function(*operands: Any) -> list[Any]:
            results = self.rule.apply(operands[:count], operands[count:])
            zeros.extend(result if type(result) is Zero else None for result in results)
            return [result for result in results if type(result) is not Zero]

        axes = [*self.residual_axes, *(0 for _ in cotangents)]
        values, found = run_batched(function, self.size, self.axis_name, [*residuals, *cotangents], axes)
        present = iter(zip(values, found, strict=True))
        results: list[Any] = []
        for zero, target in zip(zeros, self.operand_axes, strict=True):
            if zero is not None:
                shape = zero.type.shape
                whole = shape if target is None else (*shape[:target], self.size, *shape[target:])
                results.append(Zero(zero.type.with_shape(whole)))
                continue
            value, axis = next(present)
            if target is not None:
                results.append(with_batch_axis(value, axis, self.size, target))
            else:
                whole = with_batch_axis(value, axis, self.size, 0)
                results.append(reductions.ReduceSum((0,)).bind(whole))
        return results


class CustomLinear(Nested):
    """Linear map that is given by its transpose: the derivative of a function with a rule for reverse mode.

    The operands are the residuals and the tangents of the function's operands, the results those of its results.
    Forward mode, which the user gave no rule for, is the transpose of the transpose.
    """

    rule: BackwardRule
    residuals: int
    output_types: tuple[ArrayType, ...]

    name = "custom_linear"

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        return self.output_types

    def forward(self, types: Sequence[ArrayType]) -> tuple[Program, list[Any]]:
        """Returns the program that computes the results, and the values that it captured, its leading inputs."""
        count = self.residuals

        def function(*operands: Any) -> list[Any]:
            return [instantiate(c) for c in self.rule.apply(operands[:count], operands[count:])]

        program, captured = trace_program(function, [*types[:count], *self.output_types], f"{self.rule.label}_backward")
        linear = (*(False,) * (len(captured) + count), *(True,) * len(self.output_types))
        return transpose_program(program, linear, (True,) * len(program.outputs), True)[0], captured

    def evaluate(self, operands: tuple[Any, ...]) -> Any:
        program, captured = self.forward([value.type for value in operands])
        return Call(program).bind(*captured, *operands)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        with using_trace(STATE.base):
            program, captured = self.forward(builder.operand_types)
        constants = [
            builder.constant(value.value if isinstance(value, Literal) else numpy.asarray(value)) for value in captured
        ]
        return builder.inline(builder.block, program, [*constants, *operands])

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        program, captured = self.forward([value.type for value in primals])
        zeros = tuple(Zero(value.type.tangent) for value in captured)
        return Call(program).jvp((*captured, *primals), (*zeros, *tangents))

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        given = [instantiate(cotangent) for cotangent in cotangents]
        results = self.rule.apply(operands[: self.residuals], given)
        return [None] * self.residuals + [
            result if is_linear(operand) else None
            for operand, result in zip(operands[self.residuals :], results, strict=True)
        ]

    def uses_axis(self, name: object) -> bool:
        return name is not None

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        count = self.residuals
        rule = BatchedBackwardRule(self.rule, size, name, axes[:count], axes[count:])
        types = tuple(type.with_shape((size, *type.shape)) for type in self.output_types)
        return CustomLinear(rule, count, types).bind(*operands), (0,) * len(types)

    def text(self) -> str:
        return f"{self.name}[{self.rule.label}]"

    def reference(self, *operands: Any) -> Any:
        program, captured = self.forward([ArrayType(operand.shape, operand.dtype) for operand in operands])
        return reference_program(program, [*(numpy.asarray(value) for value in captured), *operands])


from ryft_core.backends import default_client  # noqa: E402
from ryft_core.primitives import reductions  # noqa: E402
from ryft_core.primitives.calls import Call  # noqa: E402
from ryft_core.tracing.tracers import trace_program  # noqa: E402
from ryft_core.tracing.traces import STATE, using_trace  # noqa: E402
from ryft_core.transforms.batching import run_batched, with_batch_axis  # noqa: E402
from ryft_core.transforms.jvp import instantiate  # noqa: E402
from ryft_core.transforms.programs import batch_program, transpose_program  # noqa: E402
