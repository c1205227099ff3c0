"""Calls of functions that the runtime knows by name, through the XLA FFI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ryft_core.errors import ArgumentError, ArgumentTypeError, BatchingError, DifferentiationError, hinted
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.manipulation import broadcast_to, moveaxis
from ryft_core.primitives.operands import as_value
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import canonical_dtype

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["CustomCall", "ForeignCall", "array_type", "check_vmap_method", "ffi_call"]

VMAP_METHODS = ("sequential", "expand_dims", "broadcast_all")


class ForeignCall(Primitive, abstract=True):
    """Call of a function that we know nothing about but the types of its results.

    `batch_method` says what `vmap` does: "sequential" calls once for each element, "broadcast_all" calls once with
    a leading axis on every operand, "expand_dims" with one of size 1 on operands that all elements share.
    """

    result_types: tuple[ArrayType, ...]
    batch_method: str | None

    multiple_results = True

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        return self.result_types

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        raise hinted(
            DifferentiationError(f"{self.text()} has no derivative: it is not known what the function computes"),
            "give it one with `custom_jvp` or `custom_vjp`, or pass it `stop_gradient` of its arguments",
        )

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        if self.batch_method is None:
            raise hinted(
                BatchingError(f"{self.text()} has no rule for `vmap`"),
                f"pass `vmap_method`, one of {', '.join(VMAP_METHODS)}",
            )
        if self.batch_method == "sequential":
            return self._one_by_one(operands, axes)
        lead = 1 if self.batch_method == "expand_dims" else size
        moved = [
            broadcast_to(operand, (lead, *operand.type.shape)) if axis is None else moveaxis(operand, axis, 0)
            for operand, axis in zip(operands, axes, strict=True)
        ]
        types = tuple(type.with_shape((size, *type.shape)) for type in self.result_types)
        return replace(self, result_types=types).bind(*moved), (0,) * len(types)

    def _one_by_one(self, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        mapped = [moveaxis(x, axis, 0) for x, axis in zip(operands, axes, strict=True) if axis is not None]

        def call(_: None, elements: Any) -> tuple[None, Any]:
            given = iter(elements)
            return None, self.bind(
                *[x if axis is None else next(given) for x, axis in zip(operands, axes, strict=True)]
            )

        _, results = loops.scan(call, None, tuple(mapped))
        return tuple(results), (0,) * len(self.result_types)


class CustomCall(ForeignCall):
    """Call of the FFI handler that is registered as `target`, with `attributes`."""

    target: str
    attributes: tuple[tuple[str, Any], ...] = ()
    has_side_effect: bool = False

    name = "custom_call"

    @property
    def pure(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] (it depends on a parameter here)
        """Whether the handler has no side effect."""
        return not self.has_side_effect

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit(
            "custom_call",
            operands,
            self.target,
            builder.results,
            has_side_effect=self.has_side_effect,
            backend_config=dict(self.attributes),
        )


def ffi_call(
    target: str,
    result_types: Any,
    *,
    has_side_effect: bool = False,
    vmap_method: str | None = None,
) -> Callable[..., Any]:
    """Returns a function that calls the XLA FFI handler which is registered as `target`.

    Args:
        target: Name that the handler was registered under.
        result_types: An object with `shape` and `dtype`, or a sequence of them for several results.
        has_side_effect: Whether the call happens even if its results are not used.
        vmap_method: What `vmap` does: "sequential", "expand_dims" or "broadcast_all"; without it, `vmap` is refused.

    Returns:
        A function of arrays, and of keyword arguments that become the attributes of the call.

    Raises:
        ValueError: If `vmap_method` is none of these.
    """
    check_vmap_method(vmap_method)
    several = isinstance(result_types, Sequence)
    types = tuple(array_type(each) for each in (result_types if several else (result_types,)))

    def call(*operands: Any, **attributes: Any) -> Any:
        primitive = CustomCall(types, vmap_method, target, _frozen(attributes), has_side_effect)
        results = primitive.bind(*map(as_value, operands))
        return results if several else results[0]

    return call


def check_vmap_method(method: str | None) -> None:
    """Raises a `ValueError` unless `method` is `None` or one of the methods that there are."""
    if method is not None and method not in VMAP_METHODS:
        raise ArgumentError(f"expected a `vmap_method` among {', '.join(VMAP_METHODS)}, but got {method!r}")


def array_type(like: Any) -> ArrayType:
    """Returns the type that an object with `shape` and `dtype` describes.

    Raises:
        ArgumentTypeError: If it has none.
    """
    if not hasattr(like, "shape") or not hasattr(like, "dtype"):
        raise hinted(
            ArgumentTypeError(f"expected a description of a result, but got a `{type(like).__name__}`: {like!r:.80}"),
            "pass an array, or `ryft.ArrayType((2, 3), numpy.dtype('float32'))`, or a structure of these",
        )
    return like if isinstance(like, ArrayType) else ArrayType(tuple(like.shape), canonical_dtype(like.dtype))


def _frozen(attributes: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(attributes.items()))


from ryft_core.primitives.control_flow import loops  # noqa: E402 (control flow holds programs of primitives)
