"""Locations: where in the source an operation comes from."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import ir

from . import attributes
from ._arguments import array, check_kind, number, own, text

if TYPE_CHECKING:
    from .attributes import Attribute
    from .context import Context

__all__ = [
    "CallSiteLocation",
    "FileLocation",
    "FusedLocation",
    "Location",
    "NameLocation",
    "UnknownLocation",
    "location_from_frame",
    "raw_location",
    "raw_locations",
    "wrap_location",
]


_LARGEST = (1 << 32) - 1


class Location:
    """A location. The context uniques locations, so two are equal exactly if they print the same."""

    __slots__ = ("_context", "_raw")
    _context: Context
    _raw: Any

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw

    @property
    def context(self) -> Context:
        """The context that the location belongs to."""
        return self._context

    @property
    def attribute(self) -> Attribute:
        """The location as an attribute."""
        return attributes.wrap_attribute(self._context, self._raw.attr)

    def to_bindings(self) -> Any:
        """Returns the location object of the upstream bindings."""
        return self._raw

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Location):
            return NotImplemented
        return self._context is other._context and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(str(self._raw))

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"{type(self).__name__}[{self._raw}]"


class UnknownLocation(Location):
    """No location."""

    __slots__ = ()


class FileLocation(Location):
    """A place, or a range, in a file."""

    __slots__ = ()

    @property
    def file_name(self) -> str:
        """Name of the file."""
        return self._raw.filename

    @property
    def start_line(self) -> int:
        """First line, counted from 1."""
        return self._raw.start_line

    @property
    def start_column(self) -> int:
        """First column."""
        return self._raw.start_col

    @property
    def end_line(self) -> int:
        """Last line."""
        return self._raw.end_line

    @property
    def end_column(self) -> int:
        """Last column."""
        return self._raw.end_col


class NameLocation(Location):
    """A name, with the location it stands for."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name."""
        return self._raw.name_str

    @property
    def child(self) -> Location:
        """The location that the name stands for."""
        return wrap_location(self._context, self._raw.child_loc)


class CallSiteLocation(Location):
    """A location inside a function together with the location that called it."""

    __slots__ = ()

    @property
    def callee(self) -> Location:
        """The location inside the function that was called."""
        return wrap_location(self._context, self._raw.callee)

    @property
    def caller(self) -> Location:
        """The location of the call."""
        return wrap_location(self._context, self._raw.caller)


class FusedLocation(Location):
    """Several locations that were merged into one."""

    __slots__ = ()

    @property
    def locations(self) -> tuple[Location, ...]:
        """The locations that were merged."""
        return tuple(wrap_location(self._context, raw) for raw in self._raw.locations)


_KINDS = frozenset({UnknownLocation, FileLocation, NameLocation, CallSiteLocation, FusedLocation})


def wrap_location(context: Context, raw: Any) -> Location:
    """Wraps a location of the bindings in the class that knows its kind."""
    if raw.is_a_file():
        return FileLocation(context, raw)
    if raw.is_a_name():
        return NameLocation(context, raw)
    if raw.is_a_callsite():
        return CallSiteLocation(context, raw)
    if raw.is_a_fused():
        return FusedLocation(context, raw)
    return UnknownLocation(context, raw)


def file_location(
    context: Context, file_name: str, start: tuple[int, int], end: tuple[int, int] | None
) -> FileLocation:
    """Builds the location of a place, or of a range, in a file."""
    places: list[int] = []
    for place in (start,) if end is None else (start, end):
        line, column = _place(place)
        places += [number(line, "a line", 0, _LARGEST), number(column, "a column", 0, _LARGEST)]
    raw = ir.Location.file(text(file_name, "a file location"), *places, context=context.to_bindings())
    return FileLocation(context, raw)


def name_location(context: Context, name: str, child: Location | None) -> NameLocation:
    """Builds a named location."""
    (raw_child,) = raw_locations(context, [child]) if child is not None else (None,)
    raw = ir.Location.name(text(name, "a name location"), raw_child, context=context.to_bindings())
    return NameLocation(context, raw)


def call_site_location(context: Context, callee: Location, callers: Sequence[Location]) -> CallSiteLocation:
    """Builds the location of a call."""
    if not callers:
        raise ValueError("a call-site location expected at least one caller, but got none")
    raw_callee, *raw_callers = raw_locations(context, [callee, *callers])
    return CallSiteLocation(context, ir.Location.callsite(raw_callee, raw_callers, context=context.to_bindings()))


def fused_location(context: Context, locations: Sequence[Location], metadata: Attribute | None) -> Location:
    """Builds a fused location; MLIR itself drops duplicates, so the result may be of a simpler kind."""
    raw_metadata = None if metadata is None else own(context, metadata, attributes.Attribute, "attribute")._raw
    raw = ir.Location.fused(raw_locations(context, locations), raw_metadata, context=context.to_bindings())
    return wrap_location(context, raw)


def location_from_frame(context: Context, frame: FrameType | None = None, *, depth: int = 1) -> Location:
    """Returns the location of a Python frame: file and line, and its callers as call sites.

    Args:
        context: Context to build the location in.
        frame: The innermost frame. Defaults to the frame that calls this function.
        depth: How many frames to record, from the innermost outwards.
    """
    if number(depth, "`depth`") < 1:
        raise ValueError(f"`depth` expected at least 1, but got {depth}")
    if frame is not None:
        check_kind(frame, FrameType, "`frame`", "a frame")
    current = sys._getframe(1) if frame is None else frame
    locations: list[Location] = []
    while current is not None and len(locations) < depth:
        code = current.f_code
        place = file_location(context, code.co_filename, (current.f_lineno, 0), None)
        locations.append(name_location(context, code.co_qualname, place))
        current = current.f_back
    if len(locations) == 1:
        return locations[0]
    return call_site_location(context, locations[0], locations[1:])


def _place(place: tuple[int, int]) -> tuple[int, int]:
    try:
        line, column = place
    except (TypeError, ValueError):
        raise TypeError(f"a file location expected a line and a column, but got {place!r}") from None
    return line, column


def raw_location(context: Context, location: Location | None) -> Any:
    """Returns the bindings' object of a location, or of the default one of the context."""
    if location is None:
        return context._location
    if getattr(location, "_context", None) is context and location.__class__ in _KINDS:
        return location._raw
    return own(context, location, Location, "location")._raw


def raw_locations(context: Context, locations: Sequence[Location]) -> list[Any]:
    """Returns the bindings' objects of locations, all of which must belong to `context`."""
    return [own(context, location, Location, "location")._raw for location in array(locations, "MLIR", "locations")]
