"""Calls of functions that the runtime knows by name, through the XLA FFI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ryft_core.errors import OperandError
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.manipulation import broadcast_to, moveaxis
from ryft_core.primitives.operands import as_value
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import canonical_dtype

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["CustomCall", "ffi_call"]

VMAP_METHODS = ("sequential", "expand_dims", "broadcast_all")


class CustomCall(Primitive):
    """Call of the FFI handler that is registered as `target`, with `attributes`; its results have `result_types`.

    `batch_method` says what `vmap` does: "sequential" calls once for each element, "broadcast_all" calls once with
    a leading axis on every operand, "expand_dims" with one of size 1 on operands that all elements share.
    """

    target: str
    result_types: tuple[ArrayType, ...]
    attributes: tuple[tuple[str, Any], ...] = ()
    has_side_effect: bool = False
    batch_method: str | None = None

    name = "custom_call"
    multiple_results = True
    differentiable = False

    def infer(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        return self.result_types

    def lower(self, builder: Builder, *operands: Any) -> Any:
        return builder.emit(
            "custom_call",
            operands,
            self.target,
            builder.results,
            has_side_effect=self.has_side_effect,
            backend_config=dict(self.attributes),
        )

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        if self.batch_method is None:
            error = OperandError(f"the custom call of `{self.target}` has no rule for `vmap`")
            error.add_note(f"hint: pass `vmap_method` to `ffi_call`, one of {', '.join(VMAP_METHODS)}")
            raise error
        if self.batch_method == "sequential":
            return self._one_by_one(size, operands, axes)
        lead = 1 if self.batch_method == "expand_dims" else size
        moved = [
            broadcast_to(operand, (lead, *operand.type.shape)) if axis is None else moveaxis(operand, axis, 0)
            for operand, axis in zip(operands, axes, strict=True)
        ]
        types = tuple(type.with_shape((size, *type.shape)) for type in self.result_types)
        batched = CustomCall(self.target, types, self.attributes, self.has_side_effect, self.batch_method)
        return batched.bind(*moved), (0,) * len(types)

    def _one_by_one(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        mapped = [moveaxis(x, axis, 0) for x, axis in zip(operands, axes, strict=True) if axis is not None]

        def call(elements: Any) -> Any:
            given = iter(elements)
            return self.bind(*[x if axis is None else next(given) for x, axis in zip(operands, axes, strict=True)])

        return tuple(control_flow.map(call, tuple(mapped))), (0,) * len(self.result_types)


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
    if vmap_method is not None and vmap_method not in VMAP_METHODS:
        raise ValueError(f"`ffi_call` expected a `vmap_method` among {VMAP_METHODS}, but got {vmap_method!r}")
    several = isinstance(result_types, Sequence)
    types = tuple(_array_type(each) for each in (result_types if several else (result_types,)))

    def call(*operands: Any, **attributes: Any) -> Any:
        primitive = CustomCall(target, types, _frozen(attributes), has_side_effect, vmap_method)
        results = primitive.bind(*map(as_value, operands))
        return results if several else results[0]

    return call


def _array_type(like: Any) -> ArrayType:
    return like if isinstance(like, ArrayType) else ArrayType(tuple(like.shape), canonical_dtype(like.dtype))


def _frozen(attributes: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(attributes.items()))


from ryft_core.primitives import control_flow  # noqa: E402 (control flow holds programs of primitives)
