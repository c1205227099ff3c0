"""The functions and methods that users call outside of any transformation, made boundaries for tracebacks.

What `jit` and the other transformations return is one already. Without this, an error of `x + y` or of `numpy.reshape`
would show the frames inside Ryft as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType, ModuleType
from typing import Any

from ryft_core import lax, nn, numpy, placement, trees
from ryft_core.array_methods import ArrayMethods
from ryft_core.arrays import Array, DeviceArray
from ryft_core.numpy import linalg, updates
from ryft_core.primitives import barriers
from ryft_core.tracebacks import boundary, leaving

__all__ = ["hide_internal_frames"]

_BINARY = frozenset(
    f"__{reflected}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
    for reflected in ("", "r")
) | {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__getitem__"}
_MADE: dict[FunctionType, Callable[..., Any]] = {}


def hide_internal_frames(owner: ModuleType | type, names: list[str]) -> None:
    """Makes those functions of a module, or methods of a class, boundaries that have one of the `names`."""
    for name in names:
        function = vars(owner).get(name)
        if isinstance(function, FunctionType):
            made = _MADE.get(function)
            if made is None:
                made = _MADE[function] = _bounded_operator(function) if name in _BINARY else boundary()(function)
                if isinstance(owner, ModuleType):
                    made.__module__ = owner.__name__  # So that it can be pickled.
            setattr(owner, name, made)


def _bounded_operator(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    # As a boundary, but with little overhead.
    @wraps(function)
    def bounded(self: Any, other: Any) -> Any:
        try:
            return function(self, other)
        except Exception as error:
            leaving(error, None, None)
            raise

    return bounded


for _module in (numpy, linalg, lax, nn, placement):
    hide_internal_frames(_module, _module.__all__)
hide_internal_frames(barriers, ["checkpoint_name", "stop_gradient"])
hide_internal_frames(trees, ["map", "reduce", "transpose"])
for _class in (ArrayMethods, Array, DeviceArray, updates.UpdateHelper, updates.IndexedElements):
    _names = [name for name in vars(_class) if not name.startswith("_") or name.endswith("__")]
    hide_internal_frames(_class, [name for name in _names if name != "__init__"])
