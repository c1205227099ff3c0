"""Signatures of calls: which arguments are static or donated, what tells two calls apart, and how they differ."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy

from ryft_core import trees
from ryft_core.errors import OperandError, RyftError, hinted
from ryft_core.programs.atoms import Value
from ryft_core.trees.keys import child_keys
from ryft_core.trees.statics import distinction
from ryft_core.types.array_types import ArrayType

__all__ = ["CallSignature", "Difference", "Miss", "Parameters", "Selection", "SignatureError", "explain_miss"]


class SignatureError(RyftError, ValueError):
    """An option of `jit` names an argument that the function does not have, or one that cannot be what it says."""


class CallSignature(NamedTuple):
    """What a traced program depends on.

    Attributes:
        structure: Structure of the arguments that are not static, as `(positional, named)`.
        types: Types of their arrays.
        statics: Place and value of each static argument, and between them what tells it apart from equal values.
        axes: Names and sizes of the mapped axes around the call.
        bits: Width of the default data types.
    """

    structure: trees.Structure
    types: tuple[ArrayType, ...]
    statics: tuple[tuple[int | str, Hashable, Any], ...] = ()
    axes: tuple[Any, ...] = ()
    bits: int = 32


class Selection(NamedTuple):
    """Some of a function's arguments.

    Attributes:
        numbers: Their positions.
        names: Their names.
    """

    numbers: frozenset[int]
    names: frozenset[str]


class Parameters:
    """Parameters of a function, as far as its signature can be known.

    Attributes:
        function: Name of the function.
        positional: Names of the parameters that can be given by position, in order.
    """

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = name
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):  # Some functions that are written in C do not tell.
            self.known = False
            parameters = []
        else:
            self.known = True
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.positional = tuple(item.name for item in parameters if item.kind in positional)
        self._named = frozenset(
            item.name
            for item in parameters
            if item.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        )
        self._any_number = not self.known or any(item.kind is inspect.Parameter.VAR_POSITIONAL for item in parameters)
        self._any_name = not self.known or any(item.kind is inspect.Parameter.VAR_KEYWORD for item in parameters)

    def select(self, numbers: int | Iterable[int], names: str | Iterable[str], option: str) -> Selection:
        """Returns the arguments that an option selects by position and by name; each implies the other.

        Raises:
            SignatureError: If the function has no such argument.
        """
        positions = {self._position(number, f"{option}_argnums") for number in _several(numbers, int, option)}
        chosen = set(_several(names, str, option))
        for name in chosen:
            if name not in self._named and not self._any_name:
                raise hinted(
                    SignatureError(
                        f"`{option}_argnames` of `{self.function}` expected names of its parameters, but got {name!r}"
                    ),
                    f"its parameters are {', '.join(sorted(self._named)) or 'not to be given by name'}",
                )
        by_name = {self.positional[position] for position in positions if position < len(self.positional)}
        positions |= {place for place, name in enumerate(self.positional) if name in chosen}
        return Selection(frozenset(positions), frozenset(chosen | (by_name & self._named)))

    def _position(self, number: int, option: str) -> int:
        count = len(self.positional)
        position = number + count if number < 0 and not self._any_number else number
        if position < 0 or (position >= count and not self._any_number):
            expected = f"positions below {count}" if not self._any_number else "positions from the left"
            raise SignatureError(f"`{option}` of `{self.function}` expected {expected}, but got {number}")
        return position

    def name(self, position: int) -> str:
        """Returns how to call the argument at a position in a message."""
        return self.positional[position] if position < len(self.positional) else f"args[{position}]"

    def names_of_leaves(self, signature: CallSignature) -> list[str]:
        """Returns how to call each array among the arguments of a call, such as `params["w"]`."""
        static = {place for place, _, _ in signature.statics}
        dynamic = [place for place in range(len(static) + _argument_count(signature)) if place not in static]
        names: list[str] = []
        for path in signature.structure.paths:
            group, step, *rest = path
            if group == trees.Index(0) and isinstance(step, trees.Index):
                root = self.name(dynamic[step.index])
            else:
                root = str(getattr(step, "key", step))
            names.append(f"{root}{''.join(map(str, rest))}")
        return names


def _several(given: Any, kind: type, option: str) -> list[Any]:
    """Returns the items of an option that takes one or several integers, or one or several strings."""
    single = isinstance(given, str) or not isinstance(given, Iterable)
    items: list[Any] = [given] if single else list(given)  # pyright: ignore[reportUnknownArgumentType]
    if kind is int:
        items = [item.__index__() if isinstance(item, numpy.integer) else item for item in items]
    for item in items:
        if not isinstance(item, kind) or isinstance(item, bool):
            raise SignatureError(
                f"`{option}_arg{'nums' if kind is int else 'names'}` expected {kind.__name__} values, but got {item!r}"
            )
    return items


def _argument_count(signature: CallSignature) -> int:
    return len(child_keys(signature.structure.children[0].key))


def split_statics(
    args: tuple[Any, ...], kwargs: dict[str, Any], selection: Selection, parameters: Parameters
) -> tuple[tuple[tuple[int | str, Hashable, Any], ...], tuple[Any, ...], dict[str, Any]]:
    """Returns the static arguments, as in `CallSignature`, and the other arguments.

    Raises:
        OperandError: If a static argument is an array, or is not hashable.
    """
    if not selection.numbers and not selection.names:
        return (), args, kwargs
    statics: list[tuple[int | str, Any]] = [
        (place, value) for place, value in enumerate(args) if place in selection.numbers
    ]
    statics += [(name, kwargs[name]) for name in sorted(selection.names & kwargs.keys())]
    for place, value in statics:
        name = parameters.name(place) if isinstance(place, int) else place
        if isinstance(value, Value):
            raise hinted(
                OperandError(f"static argument `{name}` of `{parameters.function}` is an array of type {value.type}"),
                "static arguments are constants: do not make arguments that are arrays static",
            )
        try:
            hash(value)
        except TypeError:
            raise hinted(
                OperandError(
                    f"static argument `{name}` of `{parameters.function}` is a `{type(value).__name__}`, "
                    f"which is not hashable: {value!r:.80}"
                ),
                "pass a tuple instead of a list, or do not make the argument static",
            ) from None
    rest = tuple(value for place, value in enumerate(args) if place not in selection.numbers)
    named = {name: value for name, value in kwargs.items() if name not in selection.names}
    return tuple((place, distinction(value), value) for place, value in statics), rest, named


# --- differences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """What differs in one place between the arguments of two calls.

    Attributes:
        kind: `"structure"`, `"type"`, `"static"`, `"axes"` or `"defaults"`.
        place: The argument, or the array in it.
        before: What it was in the earlier call.
        now: What it was in the later call.
    """

    kind: str
    place: str
    before: str
    now: str

    def __str__(self) -> str:
        return f"{self.kind} of `{self.place}`: {self.before} before, {self.now} now"


@dataclass(frozen=True)
class Miss:
    """Why a call was traced anew.

    Attributes:
        function: Name of the function.
        known: Number of signatures that were known.
        differences: How the call differs from the known signature that is most like it; empty if none was known.
    """

    function: str
    known: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        if not self.known:
            return f"`{self.function}` was called for the first time"
        lines = "".join(f"\n  {difference}" for difference in self.differences)
        return (
            f"`{self.function}` was called with a new signature; of {self.known} known, the nearest differs in:{lines}"
        )


_COMPARED = 64


def explain_miss(signature: CallSignature, known: Sequence[CallSignature], parameters: Parameters) -> Miss:
    """Returns how a signature differs from the known one (among the latest) that is most like it."""
    candidates = [_differences(earlier, signature, parameters) for earlier in known[-_COMPARED:]]
    nearest = min(reversed(candidates), key=len, default=())
    return Miss(parameters.function, len(known), tuple(nearest))


def _differences(before: CallSignature, now: CallSignature, parameters: Parameters) -> list[Difference]:
    found: list[Difference] = []
    earlier = {place: (kind, value) for place, kind, value in before.statics}
    later = {place: (kind, value) for place, kind, value in now.statics}
    for place in {**earlier, **later}:
        if earlier.get(place) != later.get(place):
            name = parameters.name(place) if isinstance(place, int) else place
            texts = [f"{pair[1]!r:.80}" if pair else "not given" for pair in (earlier.get(place), later.get(place))]
            found.append(Difference("static", name, *texts))
    if before.structure != now.structure:
        found += _structure_differences(before, now, parameters)
    else:
        names = parameters.names_of_leaves(now)
        for name, was, is_now in zip(names, before.types, now.types, strict=True):
            if was is not is_now:
                found.append(Difference("type", name, str(was), str(is_now)))
    if before.axes != now.axes:
        found.append(Difference("axes", "vmap", str(before.axes), str(now.axes)))
    if before.bits != now.bits:
        found.append(Difference("defaults", "default data types", f"{before.bits} bits", f"{now.bits} bits"))
    return found


def _structure_differences(before: CallSignature, now: CallSignature, parameters: Parameters) -> list[Difference]:
    names = [dict(zip(parameters.names_of_leaves(s), s.types, strict=True)) for s in (before, now)]
    found = [
        Difference("structure", name, *(str(each[name]) if name in each else "not there" for each in names))
        for name in {**names[0], **names[1]}
        if (name in names[0]) != (name in names[1])
    ]
    if found:
        return found
    # The same arrays in other containers, or other static fields.
    return [Difference("structure", "arguments", repr(before.structure)[:200], repr(now.structure)[:200])]
