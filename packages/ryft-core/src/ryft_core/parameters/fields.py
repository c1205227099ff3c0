"""Fields of parameterized classes: what `dataclasses.field` does, plus whether a field is static."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

__all__ = ["parameter", "static"]


def static(
    *,
    default: Any = dataclasses.MISSING,
    default_factory: Callable[[], Any] | Any = dataclasses.MISSING,
    init: bool = True,
    repr: bool = True,  # noqa: A002
    kw_only: bool | Any = dataclasses.MISSING,
) -> Any:
    """Declares a field that belongs to the structure of its class: never traced, never differentiated, and hashable.

    Two instances with different static fields have different structures, so that `jit` compiles for each of them.

    Args:
        default: Value of the field if none is given.
        default_factory: Called for the value of the field if none is given.
        init: Whether `__init__` takes the field.
        repr: Whether the field is printed.
        kw_only: Whether `__init__` takes the field by keyword only.
    """
    return _field(True, default, default_factory, init, repr, kw_only)


def parameter(
    *,
    default: Any = dataclasses.MISSING,
    default_factory: Callable[[], Any] | Any = dataclasses.MISSING,
    init: bool = True,
    repr: bool = True,  # noqa: A002
    kw_only: bool | Any = dataclasses.MISSING,
) -> Any:
    """Declares a field that is a parameter even if its annotation promises configuration, such as a counter: `int`.

    Args:
        default: Value of the field if none is given.
        default_factory: Called for the value of the field if none is given.
        init: Whether `__init__` takes the field.
        repr: Whether the field is printed.
        kw_only: Whether `__init__` takes the field by keyword only.
    """
    return _field(False, default, default_factory, init, repr, kw_only)


def _field(is_static: bool, default: Any, default_factory: Any, init: bool, shown: bool, kw_only: Any) -> Any:
    options: dict[str, Any] = {"init": init, "repr": shown, "kw_only": kw_only, "metadata": {"static": is_static}}
    if default is not dataclasses.MISSING:
        options["default"] = default
    if default_factory is not dataclasses.MISSING:
        options["default_factory"] = default_factory
    return dataclasses.field(**options)
