"""MLIR attributes. Make them with the factory methods of `Context`, or pass plain Python values to the builders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import types

if TYPE_CHECKING:
    from .context import Context
    from .types import Type

__all__ = ["Attribute", "wrap_attribute"]


class Attribute:
    """An attribute of MLIR. The context uniques attributes, so two are equal exactly if they are the same constant."""

    __slots__ = ("_context", "_raw")
    _context: Context
    _raw: Any

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw

    @property
    def context(self) -> Context:
        """The context that the attribute belongs to."""
        return self._context

    @property
    def type(self) -> Type:
        """The type of the attribute; `none` if it has no type."""
        return types.wrap_type(self._context, self._raw.type)

    def to_bindings(self) -> Any:
        """Returns the attribute object of the upstream bindings."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Attribute):
            return NotImplemented
        return self._context is other._context and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{self._raw}]"


CLASSES: dict[Any, type[Attribute]] = {}


def wrap_attribute(context: Context, raw: Any) -> Attribute:
    """Wraps an attribute of the bindings in the class that knows its kind."""
    kind = CLASSES.get(type(raw))
    if kind is None:
        raw = raw.maybe_downcast()
        kind = CLASSES.get(type(raw), Attribute)
    return kind(context, raw)
