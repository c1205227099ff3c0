"""Classes as containers: which fields of a dataclass are parameters, and which belong to its structure.

A field is *static* if it says so (`static()`, or `metadata={"static": True}`), or if its annotation promises
configuration: `int`, `bool`, `str`, `bytes`, `None`, enumerations, `Literal`, classes, and unions and tuples of these.
All others are parameters, whose values decide: arrays and numbers are leaves, containers are taken apart, and all else
(a function, say) is static by itself.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import operator
import sys
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from ryft_core.errors import StructureError
from ryft_core.trees.kinds import NodeKind, getter_of
from ryft_core.trees.paths import Entry, Field
from ryft_core.trees.statics import distinction

__all__ = ["PARAMETERIZED", "class_kind", "own_annotations", "split_fields"]

PARAMETERIZED = "_ryft_parameterized"
"""Class attribute of parameterized classes, which subclasses inherit: whether `parameterized` froze its instances."""

# Dataclasses of Ryft itself, such as types of arrays and shardings, describe values and so are leaves.
_OWN_PACKAGES = frozenset({"ryft", "ryft_core", "ryft_mlir", "ryft_pjrt", "ryft_xla_sys"})
_CONTAINERS = (dict, list, tuple, set, frozenset, str, bytes)
_STATIC_CLASSES = (int, bool, str, bytes, type(None))


def class_kind(cls: type) -> NodeKind | None:
    """Returns the kind of a dataclass, or `None` if values of this class are leaves.

    Raises:
        StructureError: If the class adds fields to a parameterized class without being decorated itself.
    """
    if not dataclasses.is_dataclass(cls):
        return None
    if issubclass(cls, (BaseException, *_CONTAINERS)):  # What they contain besides their fields would be lost.
        return None
    if not hasattr(cls, PARAMETERIZED):
        return None if cls.__module__.partition(".")[0] in _OWN_PACKAGES else make_class_kind(cls)
    known = {*cls.__dataclass_fields__}
    added = [name for name in own_annotations(cls) if name not in known and not hasattr(cls, name)]
    if PARAMETERIZED not in vars(cls) and added:
        fields = ", ".join(f"`{name}`" for name in added)
        error = StructureError(
            f"`{cls.__qualname__}` adds {fields} to a parameterized class, but is not parameterized itself"
        )
        error.add_note(f"hint: decorate `{cls.__qualname__}` with `@parameterized`")
        raise error
    return make_class_kind(cls)


def own_annotations(cls: type) -> dict[str, Any]:
    """Returns the annotations in the body of a class. Those with unknown names are not evaluated."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def split_fields(cls: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the names of the fields of a dataclass that are parameters, and of those that are static."""
    parameters: list[str] = []
    statics: list[str] = []
    for field in dataclasses.fields(cls):
        declared = field.metadata.get("static")
        is_static = _promises_configuration(_evaluate_annotation(cls, field)) if declared is None else bool(declared)
        (statics if is_static else parameters).append(field.name)
    return tuple(parameters), tuple(statics)


def _evaluate_annotation(cls: type, field: dataclasses.Field[Any]) -> Any:
    """Returns the annotation of a field, which remains a string if it cannot be evaluated."""
    annotation: Any = field.type
    if not isinstance(annotation, str):
        return annotation
    owners = [base for base in cls.__mro__ if vars(base).get("__dataclass_fields__", {}).get(field.name) is field]
    owner = owners[-1]  # Subclasses share the field with the class that defines it.
    try:
        return eval(annotation, dict(vars(sys.modules[owner.__module__])), dict(vars(owner)))
    except Exception:  # Names known only to type checkers, or to the function that defines the class.
        return annotation


def _promises_configuration(annotation: Any) -> bool:
    if annotation in _STATIC_CLASSES or annotation is None or annotation is type:
        return True
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Literal, type):
        return True
    if origin in (typing.Union, types.UnionType, tuple):
        return all(_promises_configuration(argument) for argument in arguments if argument is not ...)
    return isinstance(annotation, type) and origin is None and issubclass(annotation, enum.Enum)


def make_class_kind(cls: type) -> NodeKind:
    """Returns the kind of a dataclass."""
    parameters, statics = split_fields(cls)
    get_parameters = getter_of(operator.attrgetter, parameters)
    get_statics = getter_of(operator.attrgetter, statics)
    slots = any(isinstance(getattr(cls, name, None), types.MemberDescriptorType) for name in (*parameters, *statics))
    names = (*parameters, *statics)
    allocate, assign = object.__new__, object.__setattr__

    def flatten(instance: Any) -> tuple[Sequence[Any], Any]:
        try:
            if not statics:
                return get_parameters(instance), None
            values = get_statics(instance)
            return get_parameters(instance), (values, tuple(map(distinction, values)))
        except AttributeError as error:
            raise StructureError(f"the field `{error.name}` of this `{cls.__qualname__}` was never set") from error

    def unflatten(metadata: Any, children: Sequence[Any]) -> Any:
        instance: Any = allocate(cls)
        if slots:
            for name, value in zip(names, (*children, *metadata[0]) if statics else children, strict=True):
                assign(instance, name, value)
        else:
            values = (*children, *metadata[0]) if statics else children
            assign(instance, "__dict__", dict(zip(names, values)))  # noqa: B905 (the structure counts its leaves)
        return instance

    def entries(_: Any, __: int) -> Iterable[Entry]:
        return map(Field, parameters)

    return NodeKind(
        cls,
        flatten,
        unflatten,
        entries,
        holds_statics=True,
        is_immutable=getattr(cls, PARAMETERIZED, False) and not slots,
        static_names=statics,
        attributes=None if slots else names,
    )
