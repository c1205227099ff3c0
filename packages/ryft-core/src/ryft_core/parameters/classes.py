"""The `@parameterized` decorator: a class as a structure of parameters.

    @parameterized
    class Linear:
        weight: Array                               # a parameter, because its value is an array
        bias: Array | None                          # also where it is `None`: then it has no leaves
        activation: Callable[[Array], Array]        # static by itself, because a function is no array
        features: int                               # static, because its annotation promises configuration
        mode: Mode = static(default=Mode.FAST)      # static, because it says so

The class becomes a dataclass that can be set up freely in `__init__` and is frozen from then on. Transformations put
instances together without calling `__init__`: what it checks holds for what users make, not for what is traced.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform, overload

from ryft_core.parameters.fields import parameter, static
from ryft_core.parameters.summaries import format_tree
from ryft_core.trees.classes import PARAMETERIZED, own_annotations, split_fields
from ryft_core.trees.keys import FLAT
from ryft_core.trees.nodes import ARRAY_TYPES, LEAF_TYPES, NODE_KINDS, is_array
from ryft_xla_sys.errors import RyftError

__all__ = ["FrozenParametersError", "ParameterizedClassError", "parameterized"]

C = TypeVar("C", bound=type)

_INITIALIZING = "_ryft_initializing"
_RESERVED = "_ryft_"


class ParameterizedClassError(RyftError, TypeError):
    """A class cannot be parameterized, or its `__init__` does not set it up properly."""


class FrozenParametersError(RyftError, dataclasses.FrozenInstanceError):
    """A field of a frozen instance was assigned to. Make a changed copy instead."""


@overload
def parameterized(cls: C, /) -> C: ...


@overload
def parameterized(*, frozen: bool = True, kw_only: bool = False) -> Callable[[C], C]: ...


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(static, parameter, dataclasses.field))
def parameterized(cls: Any = None, /, *, frozen: bool = True, kw_only: bool = False) -> Any:
    """Turns a class into a structure of parameters.

    Every annotated name becomes a field. A plain class becomes a dataclass; one that is a dataclass already stays as it
    is and only joins in. `__init__`, `__post_init__` and `__repr__` of the class are kept. Instances compare by
    identity, unless the class defines `__eq__`: whether arrays are equal is not known while they are traced. Subclasses
    that add fields have to be decorated themselves. Refer to the module for which fields are static.

    What `flatten` found in a frozen instance is kept with it, if nothing in it can change. So do not go behind its back
    with `object.__setattr__` once it has been used.

    Example:
        >>> from ryft_core.trees import leaves
        >>> @parameterized
        ... class Scale:
        ...     factor: float
        ...     name: str = "scale"
        >>> leaves(Scale(2.0))
        [2.0]

    Args:
        cls: The class.
        frozen: Whether fields can no longer be assigned to once `__init__` has returned.
        kw_only: Whether the generated `__init__` takes its arguments by keyword only.

    Raises:
        ParameterizedClassError: If the class cannot be a structure of parameters.
    """
    if cls is None:
        return lambda cls: _parameterize(cls, frozen, kw_only)
    return _parameterize(cls, frozen, kw_only)


def _parameterize(cls: Any, frozen: bool, kw_only: bool) -> Any:
    _check_class(cls)
    is_made_here = "__dataclass_fields__" not in vars(cls)
    if is_made_here:
        _make_dataclass(cls, frozen, kw_only)
    setattr(cls, PARAMETERIZED, frozen and is_made_here)
    for name in cls.__dataclass_fields__:
        if name.startswith(_RESERVED):
            raise ParameterizedClassError(f"`{cls.__qualname__}.{name}` starts with `{_RESERVED}`, which is reserved")
    NODE_KINDS.pop(cls, None)  # Used as a plain dataclass before.
    LEAF_TYPES.discard(cls)
    ARRAY_TYPES.discard(cls)
    return cls


def _check_class(cls: Any) -> None:
    if not isinstance(cls, type):
        raise ParameterizedClassError(f"`parameterized` expected a class, but got {cls!r}")
    if PARAMETERIZED in vars(cls):
        raise ParameterizedClassError(f"`{cls.__qualname__}` is parameterized already")
    if issubclass(cls, enum.Enum):
        raise ParameterizedClassError(f"`{cls.__qualname__}` is an enumeration, whose members are static values")
    for container in (tuple, list, dict, set, frozenset, BaseException):
        if issubclass(cls, container):
            text = f"`{cls.__qualname__}` is a `{container.__name__}`, which cannot be parameterized"
            error = ParameterizedClassError(text)
            error.add_note("hint: hold one in a field instead of inheriting from it")
            raise error
    if "__slots__" in vars(cls) and "__dataclass_fields__" not in vars(cls):
        error = ParameterizedClassError(
            f"`{cls.__qualname__}` defines `__slots__`, which `parameterized` does not support"
        )
        error.add_note("hint: decorate it with `@dataclass(slots=True)` first")
        raise error


def _make_dataclass(cls: Any, frozen: bool, kw_only: bool) -> None:
    """Makes a plain class a dataclass that can be set up in `__init__` and, if asked for, is frozen afterwards."""
    inherited = next((base for base in cls.__mro__[1:] if "__init__" in vars(base)), object)
    adds_fields = any(not name.startswith("__") for name in own_annotations(cls))
    keeps_inherited = inherited is not object and hasattr(inherited, PARAMETERIZED) and not adds_fields
    own_init = "__init__" in vars(cls)
    try:
        dataclasses.dataclass(
            init=not own_init and not keeps_inherited, repr=False, eq=False, frozen=frozen, kw_only=kw_only
        )(cls)
    except (TypeError, ValueError) as error:
        raise ParameterizedClassError(f"cannot parameterize `{cls.__qualname__}`: {error}") from error
    if "__init__" in vars(cls):
        cls.__init__ = _guard_initialization(cls.__init__)
    if cls.__repr__ is object.__repr__:
        cls.__repr__ = format_tree
    if frozen:
        cls.__setattr__, cls.__delattr__ = _set_attribute, _delete_attribute
    if cls.__getstate__ is object.__getstate__:
        cls.__getstate__ = _get_state


def _guard_initialization(initialize: Callable[..., None]) -> Callable[..., None]:
    """Returns an `__init__` that opens an instance for assignments, and checks it when the outermost one is done."""

    @functools.wraps(initialize)
    def initialize_and_check(self: Any, *arguments: Any, **keywords: Any) -> None:
        if _INITIALIZING in self.__dict__:  # Called by the `__init__` of a subclass.
            initialize(self, *arguments, **keywords)
            return
        self.__dict__[_INITIALIZING] = True
        try:
            initialize(self, *arguments, **keywords)
        finally:
            self.__dict__.pop(_INITIALIZING, None)
            self.__dict__.pop(FLAT, None)  # Flattened before it was complete.
        _check_instance(self)

    return initialize_and_check


@functools.cache
def _static_fields(cls: type) -> tuple[str, ...]:
    return split_fields(cls)[1]


def _check_instance(instance: Any) -> None:
    cls = type(instance)
    missing = [name for name in cls.__dataclass_fields__ if not hasattr(instance, name)]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        raise ParameterizedClassError(f"`{cls.__qualname__}.__init__` did not set {names}")
    for name in _static_fields(cls):
        value = getattr(instance, name)
        if is_array(value):
            text = f"`{cls.__qualname__}.{name}` is a static field, but got an array of shape {tuple(value.shape)}"
            error = ParameterizedClassError(text)
            error.add_note("hint: make it a parameter: drop `static()`, annotate it as an array, or use `parameter()`")
            raise error


def _set_attribute(self: Any, name: str, value: Any) -> None:
    cls = type(self)
    if _INITIALIZING not in self.__dict__:
        error = FrozenParametersError(f"cannot assign to `{name}`: instances of `{cls.__qualname__}` are frozen")
        error.add_note(f'hint: make a changed copy with `replace(instance, "{name}", value)`')
        raise error
    if name not in cls.__dataclass_fields__ and not hasattr(getattr(cls, name, None), "__set__"):
        error = ParameterizedClassError(f"`{cls.__qualname__}` has no field `{name}`")
        error.add_note(f"hint: annotate it in the body of the class, as in `{name}: Array` or `{name}: Any`")
        raise error
    self.__dict__.pop(FLAT, None)
    object.__setattr__(self, name, value)


def _delete_attribute(self: Any, name: str) -> None:
    raise FrozenParametersError(f"cannot delete `{name}`: instances of `{type(self).__qualname__}` are frozen")


def _get_state(self: Any) -> dict[str, Any]:
    """Returns what is pickled and copied: everything but what `flatten` keeps for the next time."""
    return {name: value for name, value in self.__dict__.items() if name != FLAT}
