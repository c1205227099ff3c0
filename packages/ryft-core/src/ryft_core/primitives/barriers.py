"""Barriers and marks: operations that give their operands unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ryft_core import trees
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Zero, is_linear
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = [
    "CheckpointName",
    "OptimizationBarrier",
    "StopGradient",
    "checkpoint_name",
    "optimization_barrier",
    "stop_gradient",
]


class OptimizationBarrier(Primitive):
    """The operands, all of which are computed before any of the results is used, and across which nothing is merged."""

    name = "optimization_barrier"
    multiple_results = True
    linear = True

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        return types

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit("optimization_barrier", operands)

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        present = [tangent for tangent in tangents if type(tangent) is not Zero]
        moved = iter(self.bind(*present) if present else ())
        return self.bind(*primals), tuple(t if type(t) is Zero else next(moved) for t in tangents)

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        present = [c for c, x in zip(cotangents, operands, strict=True) if is_linear(x) and type(c) is not Zero]
        moved = iter(self.bind(*present) if present else ())
        return [
            (c if type(c) is Zero else next(moved)) if is_linear(x) else None
            for c, x in zip(cotangents, operands, strict=True)
        ]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(*operands), axes

    def reference(self, *operands: Any) -> Any:
        return operands


class Identity(Primitive, abstract=True):
    """The operand, unchanged."""

    in_kernel = True

    def infer(self, *types: ArrayType) -> ArrayType:
        return types[0]

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return operands[0]

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        return self.bind(*operands), axes[0]

    def reference(self, x: Any) -> Any:
        return x


class StopGradient(Identity):
    """The operand, as a constant for derivatives."""

    name = "stop_gradient"
    differentiable = False

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        # As a function it is the identity. Only `linear_transpose` asks: tangents never go through it.
        return [cotangents]


class CheckpointName(Identity):
    """The operand under a name that checkpoint policies can refer to."""

    label: str

    name = "checkpoint_name"
    linear = True

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        return self.bind(*primals), tangents[0]

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> list[Any]:
        return [cotangents]


def optimization_barrier(operand: Any, /) -> Any:
    """Returns the arrays of a structure unchanged, and keeps the compiler from moving computations across.

    No result is available before all of the arrays are, and an equal computation on the other side is not merged.
    """
    leaves, structure = trees.flatten(operand)
    values = [as_value(leaf) for leaf in leaves]
    return structure.unflatten(OptimizationBarrier().bind(*values)) if values else operand


def stop_gradient(x: Any, /) -> Any:
    """Returns the arrays of a structure unchanged, but with derivatives of zero."""
    stop = StopGradient()
    return trees.map(lambda leaf: stop.bind(value) if (value := as_value(leaf)).type.kind in "fc" else leaf, x)


def checkpoint_name(x: Any, name: str) -> Any:
    """Returns the arrays of a structure unchanged, under a name for policies such as `save_only_these_names`."""
    mark = CheckpointName(name)
    return trees.map(lambda leaf: mark.bind(as_value(leaf)), x)
