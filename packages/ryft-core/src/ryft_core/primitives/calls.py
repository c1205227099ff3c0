"""Calls of programs: what a jitted function is inside another traced function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ryft_core.errors import ArgumentTypeError
from ryft_core.primitives.nested import Nested
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.programs.programs import Program
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["Call"]


class Call(Nested):
    """Application of a program to arrays. It stays one function in the lowered module."""

    program: Program

    name = "call"
    in_kernel = True

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        expected = self.program.input_types
        if len(types) != len(expected):
            raise ArgumentTypeError(f"`{self.program.name}` expected {len(expected)} operands, but got {len(types)}")
        return self.program.output_types

    def called_program(self) -> Program:
        return self.program

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.call(self.program, operands)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        nonzero = tuple(type(tangent) is not Zero for tangent in tangents)
        program, has_tangent = jvp_program(self.program, nonzero)
        given = [tangent for tangent in tangents if type(tangent) is not Zero]
        results = Call(program).bind(*primals, *given)
        count = len(self.program.outputs)
        remaining = iter(results[count:])
        return results[:count], tuple(
            next(remaining) if present else Zero(result.type.tangent)
            for present, result in zip(has_tangent, results[:count], strict=True)
        )

    def partial(self, trace: Any, operands: tuple[Any, ...]) -> Any:
        unknown = tuple(trace.owns(operand) for operand in operands)
        split = partial_program(self.program, unknown)
        known_operands = [operand for operand, is_unknown in zip(operands, unknown, strict=True) if not is_unknown]
        known_results = trace.apply_known(Call(split.known), known_operands)
        residuals = split.residuals(known_operands, known_results)
        unknown_operands = [operand for operand, is_unknown in zip(operands, unknown, strict=True) if is_unknown]
        unknown_results = trace.record(Call(split.unknown), (*residuals, *unknown_operands))
        return split.merge(known_results, unknown_results)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        linear = tuple(is_linear(operand) for operand in operands)
        nonzero = tuple(type(cotangent) is not Zero for cotangent in cotangents)
        program, has_cotangent = transpose_program(self.program, linear, nonzero)
        known = [operand for operand in operands if not is_linear(operand)]
        given = [cotangent for cotangent in cotangents if type(cotangent) is not Zero]
        results = iter(Call(program).bind(*known, *given))
        present = iter(has_cotangent)
        return [
            (next(results) if next(present) else Zero(operand.type)) if is_linear(operand) else None
            for operand in operands
        ]

    def batch_nested(
        self, size: int, name: object, operands: tuple[Any, ...], axes: tuple[int | None, ...]
    ) -> tuple[Any, Any]:
        program, out_axes = batch_program(self.program, size, axes, name)
        return Call(program).bind(*operands), out_axes


from ryft_core.transforms.programs import (  # noqa: E402 (the transformations of programs need primitives)
    batch_program,
    jvp_program,
    partial_program,
    transpose_program,
)
