"""Tests of events: waiting with and without a time limit, callbacks, and `await`."""

import asyncio
import gc
import math
import threading
from collections.abc import Callable
from subprocess import CompletedProcess
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    ArgumentError,
    ArgumentTypeError,
    ClosedError,
    DeadlineExceededError,
    InternalError,
    UnimplementedError,
)


@pytest.fixture
def pending(client: pjrt.Client) -> tuple[pjrt.Event[pjrt.Buffer], pjrt.AliasFulfillment]:
    """Returns an event, and what completes it."""
    alias, fulfillment = client.alias_buffer("float32", (8,))
    return alias.ready(), fulfillment


Pending = tuple[pjrt.Event[pjrt.Buffer], pjrt.AliasFulfillment]


def contents(client: pjrt.Client) -> pjrt.Buffer:
    return client.buffer(numpy.zeros(8, numpy.float32))


def test_event_completes(client: pjrt.Client, pending: Pending) -> None:
    event, fulfillment = pending

    assert not event.done()
    assert repr(event) == "Event(running)"
    fulfillment.fulfill(contents(client))
    assert event.wait().shape == (8,)
    assert event.done()
    assert event.error() is None
    assert repr(event) == "Event(done)"


def test_wait_gives_up_after_the_timeout(client: pjrt.Client, pending: Pending) -> None:
    event, fulfillment = pending

    for timeout in (0, 0.01):
        with pytest.raises(DeadlineExceededError, match=f"was not finished after {timeout} seconds"):
            event.wait(timeout)
    fulfillment.fulfill(contents(client))
    assert event.wait(60).shape == (8,)


def test_timeouts_are_builtin_timeouts(pending: Pending) -> None:
    with pytest.raises(TimeoutError, match="was not finished"):
        pending[0].wait(0)


def test_wait_wakes_up_when_another_thread_completes_the_event(client: pjrt.Client, pending: Pending) -> None:
    event, fulfillment = pending
    results = []
    threads = [threading.Thread(target=lambda: results.append(event.wait())) for _ in range(4)]
    for thread in threads:
        thread.start()

    fulfillment.fulfill(contents(client))

    for thread in threads:
        thread.join(60)
    assert len(results) == 4


def test_failed_work_raises_its_error_every_time(pending: Pending) -> None:
    event, fulfillment = pending
    fulfillment.fail(InternalError("it broke"))

    for _ in range(2):
        with pytest.raises(InternalError, match="it broke"):
            event.wait()
    assert isinstance(event.error(), InternalError)


def test_callbacks_run_once_each_before_and_after_completion(client: pjrt.Client, pending: Pending) -> None:
    event, fulfillment = pending
    calls: list[int] = []
    last = threading.Event()
    for number in range(3):
        event.add_done_callback(lambda event, number=number: calls.append(number))

    fulfillment.fulfill(contents(client))
    event.wait()
    event.add_done_callback(lambda event: (calls.append(3), last.set()))

    assert last.wait(60)
    assert sorted(calls) == [0, 1, 2, 3]


def test_callbacks_get_the_event_with_its_error(pending: Pending) -> None:
    event, fulfillment = pending
    errors: list[object] = []
    called = threading.Event()
    event.add_done_callback(lambda event: (errors.append(event.error()), called.set()))

    fulfillment.fail(InternalError("it broke"))

    assert called.wait(60)
    assert isinstance(errors[0], InternalError)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_callbacks_raise_is_reported_and_harms_nothing(
    client: pjrt.Client, pending: Pending, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    event, fulfillment = pending
    reports: list[object] = []
    last, reported = threading.Event(), threading.Event()

    def report(arguments: threading.ExceptHookArgs) -> None:
        reports.append(arguments.exc_value)
        reported.set()

    monkeypatch.setattr(threading, "excepthook", report)

    def fail(event: object) -> None:
        raise kind("in a callback")

    event.add_done_callback(fail)
    event.add_done_callback(lambda event: last.set())
    fulfillment.fulfill(contents(client))

    # Nothing is said about the order of callbacks.
    assert last.wait(60)
    assert reported.wait(60)
    assert [type(report) for report in reports] == [kind]


@pytest.mark.parametrize("hook", ["threading.__excepthook__", "lambda arguments: 1 / 0"])
def test_callbacks_go_on_after_one_has_raised(run_child: Callable[..., CompletedProcess[str]], hook: str) -> None:
    # In a process of its own, because pytest replaces the hook that Python has.
    code = f"""
threading.excepthook = {hook}
alias, fulfillment = pjrt.load_cpu_plugin().client().alias_buffer("float32", (8,))
event, called = alias.ready(), threading.Semaphore(0)
def fail(event):
    called.release()
    raise ValueError("in a callback")
for _ in range(3):
    event.add_done_callback(fail)
threads = [thread for thread in threading.enumerate() if thread.name == "ryft-pjrt-completions"]
fulfillment.fulfill(alias.client.buffer(numpy.zeros(8, numpy.float32)))
print([called.acquire(timeout=60) for _ in range(3)])
last = threading.Event()
event.add_done_callback(lambda event: last.set())
print(last.wait(60), [thread.is_alive() for thread in threads])
"""
    result = run_child(code)

    assert result.stdout == "[True, True, True]\nTrue [True]\n", result.stderr
    assert result.stderr.count("ValueError: in a callback") == 3


def test_callbacks_must_be_callable(pending: Pending) -> None:
    with pytest.raises(ArgumentTypeError, match="`callback` expected a function, but got `NoneType`"):
        pending[0].add_done_callback(None)


def test_timeouts_must_be_numbers(pending: Pending) -> None:
    with pytest.raises(ArgumentTypeError, match="`timeout` expected a number of seconds, but got `str`"):
        pending[0].wait("1")
    with pytest.raises(ArgumentError, match="`timeout` expected a number of seconds, but got nan"):
        pending[0].wait(math.nan)


def test_events_can_be_awaited(client: pjrt.Client) -> None:
    async def main() -> list[tuple[int, ...]]:
        pairs = [client.alias_buffer("float32", (8,)) for _ in range(3)]
        events = [alias.ready() for alias, _ in pairs]
        tasks = [asyncio.ensure_future(wait(event)) for event in events]
        await asyncio.sleep(0)
        for _, fulfillment in pairs:
            fulfillment.fulfill(contents(client))
        return [buffer.shape for buffer in await asyncio.gather(*tasks)]

    async def wait(event: pjrt.Event[pjrt.Buffer]) -> pjrt.Buffer:
        return await event

    assert asyncio.run(main()) == [(8,)] * 3


def test_awaiting_raises_the_error(pending: Pending) -> None:
    event, fulfillment = pending

    async def main() -> None:
        asyncio.get_running_loop().call_soon(fulfillment.fail, InternalError("it broke"))
        await event

    with pytest.raises(InternalError, match="it broke"):
        asyncio.run(main())


def test_awaiting_can_be_cancelled(client: pjrt.Client, pending: Pending) -> None:
    event, fulfillment = pending

    async def main() -> None:
        await event

    async def limited() -> None:
        await asyncio.wait_for(main(), 0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(limited())
    fulfillment.fulfill(contents(client))
    event.wait()


def test_closed_events_cannot_be_used(pending: Pending, client: pjrt.Client) -> None:
    event, fulfillment = pending
    event.close()
    event.close()

    for action in (event.wait, event.done, lambda: event.add_done_callback(print)):
        with pytest.raises(ClosedError, match="cannot use this event"):
            action()
    assert repr(event) == "Event(closed)"
    fulfillment.fulfill(contents(client))


def test_copies_go_on_when_their_event_is_dropped(client: pjrt.Client, programs: SimpleNamespace) -> None:
    executable = client.compile(programs.SLOW)
    identity = client.buffer(numpy.eye(512, dtype=numpy.float32))

    for _ in range(3):
        executable(identity).copy_to_host()
        gc.collect()
    numpy.testing.assert_array_equal(executable(identity).to_numpy(), numpy.eye(512))


def test_own_events_need_a_newer_plugin(client: pjrt.Client) -> None:
    with pytest.raises(UnimplementedError, match="`PJRT_Event_Create` is not implemented"):
        client.event()


def test_argument_errors_are_value_errors() -> None:
    assert issubclass(ArgumentError, ValueError)
