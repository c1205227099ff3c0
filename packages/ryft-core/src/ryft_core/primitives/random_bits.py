"""Random bits from the generators that StableHLO offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import ArgumentError, DataTypeError, ShapeError
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.control_flow.loops import scan
from ryft_core.primitives.manipulation import moveaxis
from ryft_core.primitives.operands import as_value
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import canonical_dtype

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["RandomBits", "rng_bit_generator"]

ALGORITHMS = ("DEFAULT", "THREE_FRY", "PHILOX")


class RandomBits(Primitive):
    """New state, and an array of uniformly distributed bits, from a state of unsigned integers."""

    shape: tuple[int, ...]
    dtype: numpy.dtype[Any]
    algorithm: str = "DEFAULT"

    name = "rng_bit_generator"
    multiple_results = True
    differentiable = False

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ArrayType]:
        (state,) = types
        if state.ndim != 1 or state.dtype.name not in ("uint32", "uint64"):
            raise ShapeError(
                f"`rng_bit_generator` expected a vector of unsigned integers as its state, but got {state}"
            )
        if state.shape[0] not in ((4, 6) if state.dtype.name == "uint32" else (2, 3)):
            raise ShapeError(
                "`rng_bit_generator` expected 2 or 3 elements of uint64, or 4 or 6 of uint32, as its state, "
                f"but got {state}"
            )
        if self.algorithm not in ALGORITHMS:
            raise ArgumentError(
                f"`rng_bit_generator` expected an algorithm among {ALGORITHMS}, but got {self.algorithm!r}"
            )
        if self.dtype.kind not in "iu":
            raise DataTypeError(f"`rng_bit_generator` gives integers, but {self.dtype.name} was asked for")
        return state, ArrayType(self.shape, self.dtype)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        state = operands[0]
        (type,) = builder.operand_types
        wide = builder.type(ArrayType((type.shape[0] // 2,), numpy.dtype("uint64")))
        if type.dtype == numpy.dtype("uint32"):
            pairs = builder.emit("reshape", state, builder.type(type.with_shape((type.shape[0] // 2, 2))))
            state = builder.emit("bitcast_convert", pairs, wide)
        else:
            wide = builder.results[0]
        new, bits = builder.emit("rng_bit_generator", state, builder.results[1], algorithm=self.algorithm)
        if type.dtype == numpy.dtype("uint32"):
            pairs = builder.emit("bitcast_convert", new, builder.type(type.with_shape((type.shape[0] // 2, 2))))
            new = builder.emit("reshape", pairs, builder.results[0])
        return new, bits

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        # The operation has one state: one after the other.
        states = moveaxis(operands[0], axes[0], 0)  # pyright: ignore[reportArgumentType] (the only operand is mapped)
        _, results = scan(lambda _, state: (None, self.bind(state)), None, states)
        return results, (0, 0)


def rng_bit_generator(key: Any, shape: Any, dtype: Any = "uint32", algorithm: str = "DEFAULT") -> tuple[Any, Any]:
    """Returns a new state and an array of random bits.

    Args:
        key: State: two or three `uint64` numbers, or twice as many `uint32` numbers, depending on the algorithm.
        shape: Shape of the array of bits.
        dtype: Integer type of its elements.
        algorithm: "DEFAULT" (the plugin's choice), "THREE_FRY" or "PHILOX".
    """
    return RandomBits(tuple(shape), canonical_dtype(dtype), algorithm).bind(as_value(key))
