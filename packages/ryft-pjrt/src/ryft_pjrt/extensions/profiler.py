"""The profiler extension: what happens on the host and the devices, and when, as a profile or a Chrome trace."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ryft_pjrt.errors import ArgumentError
from ryft_pjrt.extensions._handles import Handle, borrowed_bytes
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_xla_sys.extensions import call_profiler
from ryft_xla_sys.ffi import ffi

if TYPE_CHECKING:
    from ryft_xla_sys.protos import ProfileOptions, XEvent, XPlane, XSpace, XStat

__all__ = ["Profiler", "chrome_trace", "write_chrome_trace"]


class Profiler(Handle):
    """Profiler of a plugin. It collects what happens between `start` and `stop`.

    Example:
        >>> def profile(client, function):
        ...     with Profiler(client) as profiler:
        ...         profiler.start()
        ...         function()
        ...         profiler.stop()
        ...         return profiler.collect()
    """

    _subject = "profiler"

    def __init__(self, source: Source, options: ProfileOptions | None = None) -> None:
        """Makes a profiler.

        Args:
            source: Plugin, or client of the plugin, to profile.
            options: What to collect. By default the host at level 2, and the devices.

        Raises:
            UnimplementedError: If the plugin has no profiler, as on the CPU.
        """
        if options is None:
            from ryft_xla_sys.protos import ProfileOptions

            options = ProfileOptions(version=1, host_tracer_level=2, device_tracer_level=1, enable_hlo_proto=True)
        api = api_of(source)
        serialized = options.SerializeToString()
        arguments = call_profiler(api, "Create", options=borrowed_bytes(serialized), options_size=len(serialized))
        super().__init__(api, arguments.profiler, lambda pointer: call_profiler(api, "Destroy", profiler=pointer))
        self._running = False

    def start(self) -> None:
        """Begins to collect.

        Raises:
            ArgumentError: If it has begun.
        """
        if self._running:
            raise ArgumentError("`Profiler.start` expected a profiler that is stopped, but it is running")
        with self._pin() as pointer:
            call_profiler(self._api, "Start", profiler=pointer)
        self._running = True

    def stop(self) -> None:
        """Ends to collect.

        Raises:
            ArgumentError: If it has not begun.
        """
        if not self._running:
            raise ArgumentError("`Profiler.stop` expected a profiler that is running, but it is stopped")
        self._running = False
        with self._pin() as pointer:
            call_profiler(self._api, "Stop", profiler=pointer)

    def collect(self) -> XSpace:
        """Returns what was collected.

        Raises:
            ArgumentError: If the profiler is running.
        """
        from ryft_xla_sys.protos import XSpace

        if self._running:
            raise ArgumentError("`Profiler.collect` expected a profiler that is stopped, but it is running")
        with self._pin() as pointer:
            size = call_profiler(self._api, "CollectData", profiler=pointer).buffer_size_in_bytes
            if size == 0:
                return XSpace()
            target = ffi.new("uint8_t[]", size)
            arguments = call_profiler(
                self._api, "CollectData", profiler=pointer, buffer=target, buffer_size_in_bytes=size
            )
            # Where the plugin keeps the data itself, it points there; one byte beyond them is counted, too.
            data = bytes(ffi.buffer(arguments.buffer, size))
        return _decode(XSpace, data)

    def __repr__(self) -> str:
        return f"Profiler({'closed' if self.closed else 'running' if self._running else 'stopped'})"


def _decode(message: type[XSpace], data: bytes) -> XSpace:
    """Returns the message in some bytes, of which some plugins count one too many."""
    from google.protobuf.message import DecodeError

    try:
        return message.FromString(data)
    except DecodeError:
        return message.FromString(data[:-1])


def chrome_trace(space: XSpace) -> dict[str, Any]:
    """Returns a profile as a trace that Chrome's tracer and Perfetto read: a process for each host or device.

    Times are microseconds since the first line of the profile starts.
    """
    events: list[dict[str, Any]] = []
    starts = [line.timestamp_ns for plane in space.planes for line in plane.lines if line.events]
    origin = min(starts, default=0)
    for process, plane in enumerate(space.planes, start=1):
        events.append(_name("process_name", process, 0, plane.name))
        for line in plane.lines:
            thread = line.display_id or line.id
            events.append(_name("thread_name", process, thread, line.display_name or line.name))
            base = (line.timestamp_ns - origin) / 1e3
            events.extend(_event(plane, event, process, thread, base) for event in line.events)
    return {"displayTimeUnit": "ns", "traceEvents": events}


def write_chrome_trace(space: XSpace, path: str | os.PathLike[str]) -> None:
    """Writes a profile to a file that Chrome's tracer and Perfetto open."""
    Path(path).write_text(json.dumps(chrome_trace(space)))


def _name(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": {"name": name}}


def _event(plane: XPlane, event: XEvent, process: int, thread: int, base: float) -> dict[str, Any]:
    metadata = plane.event_metadata.get(event.metadata_id)
    name = (metadata.display_name or metadata.name) if metadata else str(event.metadata_id)
    described = {"pid": process, "tid": thread, "name": name, "ts": base + event.offset_ps / 1e6}
    arguments = {_stat_name(plane, stat): _stat_value(plane, stat) for stat in event.stats}
    if event.duration_ps:
        return {"ph": "X", "dur": event.duration_ps / 1e6, **described, "args": arguments}
    return {"ph": "i", "s": "t", **described, "args": arguments}


def _stat_name(plane: XPlane, stat: XStat) -> str:
    known = stat.metadata_id in plane.stat_metadata
    return plane.stat_metadata[stat.metadata_id].name if known else str(stat.metadata_id)


def _stat_value(plane: XPlane, stat: XStat) -> Any:
    kind = stat.WhichOneof("value")
    if kind == "ref_value":
        known = stat.ref_value in plane.stat_metadata
        return plane.stat_metadata[stat.ref_value].name if known else stat.ref_value
    if kind == "bytes_value":
        return stat.bytes_value.hex()
    value = getattr(stat, kind) if kind else None
    # JSON has no such numbers, and no reader of traces takes them.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
