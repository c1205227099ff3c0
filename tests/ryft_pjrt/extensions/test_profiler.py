"""Profiles, from the test plugin, and as Chrome traces."""

import json
from pathlib import Path
from typing import Any

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentError, ClosedError, InternalError, InvalidArgumentError
from ryft_pjrt.extensions.profiler import Profiler, chrome_trace, write_chrome_trace
from ryft_xla_sys.protos import XEvent, XLine, XPlane, XSpace, XStat


def test_profile_is_collected(fake: pjrt.Plugin, control: Any) -> None:
    with Profiler(fake) as profiler:
        profiler.start()
        profiler.stop()

        assert profiler.collect() == XSpace(hostnames=["host"])


def test_order_of_calls_is_checked(fake: pjrt.Plugin, control: Any) -> None:
    with Profiler(fake) as profiler:
        with pytest.raises(ArgumentError, match=r"`Profiler\.stop` expected a profiler that is running"):
            profiler.stop()
        profiler.start()
        assert repr(profiler) == "Profiler(running)"
        with pytest.raises(ArgumentError, match=r"`Profiler\.start` expected a profiler that is stopped"):
            profiler.start()
        with pytest.raises(ArgumentError, match=r"`Profiler\.collect` expected a profiler that is stopped"):
            profiler.collect()
        profiler.stop()
    assert repr(profiler) == "Profiler(closed)"
    with pytest.raises(ClosedError, match="profiler because it has been closed"):
        profiler.collect()


def test_errors_of_the_profiler_are_exceptions(fake: pjrt.Plugin, control: Any) -> None:
    control.fail_next(13)
    with pytest.raises(InternalError, match="the plugin misbehaves"):
        Profiler(fake)
    control.return_null(True)
    with pytest.raises(InvalidArgumentError, match="profiler handle is a null pointer"):
        Profiler(fake)


def space() -> XSpace:
    plane = XPlane(id=3, name="/device:0")
    plane.event_metadata[1].name = "kernel"
    plane.event_metadata[2].name, plane.event_metadata[2].display_name = "long name", "short"
    plane.stat_metadata[1].name, plane.stat_metadata[2].name = "bytes", "text"
    stats = [XStat(metadata_id=1, uint64_value=64), XStat(metadata_id=9, ref_value=2)]
    stats.append(XStat(metadata_id=2, bytes_value=b"\1"))
    line = XLine(id=7, name="stream", timestamp_ns=5_000)
    line.events.append(XEvent(metadata_id=1, offset_ps=2_000_000, duration_ps=3_000_000, stats=stats))
    line.events.append(XEvent(metadata_id=2, offset_ps=0))
    line.events.append(XEvent(metadata_id=8, duration_ps=1_000_000))
    other = XLine(id=1, timestamp_ns=3_000, events=[XEvent(metadata_id=1, duration_ps=1_000_000)])
    plane.lines.extend([line, other])
    return XSpace(planes=[plane])


def test_chrome_trace_has_microseconds_from_the_first_line() -> None:
    events = chrome_trace(space())["traceEvents"]

    assert events[0] == {"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "args": {"name": "/device:0"}}
    assert events[1]["args"] == {"name": "stream"}
    assert events[2] == {
        "ph": "X",
        "dur": 3.0,
        "pid": 1,
        "tid": 7,
        "name": "kernel",
        "ts": 4.0,
        "args": {"bytes": 64, "9": "text", "text": "01"},
    }
    assert (events[3]["ph"], events[3]["name"], events[3]["ts"]) == ("i", "short", 2.0)
    assert events[4]["name"] == "8"
    assert (events[6]["tid"], events[6]["ts"]) == (1, 0.0)


def test_chrome_trace_is_written_as_json(tmp_path: Path) -> None:
    write_chrome_trace(space(), tmp_path / "trace.json")

    assert json.loads((tmp_path / "trace.json").read_text()) == chrome_trace(space())
    assert chrome_trace(XSpace())["traceEvents"] == []


def test_traces_have_no_numbers_that_json_lacks() -> None:
    plane = XPlane(id=1, name="host")
    stats = [XStat(metadata_id=1, double_value=float("nan")), XStat(metadata_id=2, double_value=2.5)]
    plane.lines.append(XLine(id=1, events=[XEvent(metadata_id=1, duration_ps=1, stats=stats)]))

    (event,) = [event for event in chrome_trace(XSpace(planes=[plane]))["traceEvents"] if event["ph"] == "X"]

    assert event["args"] == {"1": "nan", "2": 2.5}
