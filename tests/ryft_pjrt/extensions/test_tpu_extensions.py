"""Extensions of TPUs, against the test plugin: megascale, collectives, multi-slice, and a topology that misbehaves."""

import threading
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    ArgumentError,
    DataLossError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
)
from ryft_pjrt.extensions import megascale
from ryft_pjrt.extensions.collectives import Collectives, Communicator, Execution, ReductionKind
from ryft_pjrt.extensions.tpu_topology import TpuTopology

PLACES = megascale.ProcessPlaces(addresses=["a:1"], slice_indices=[0], indices_in_slice=[0], devices_per_process=4)
ALONE = Execution(run_id=1, device_ids=[0])


@pytest.fixture
def collectives(fake: pjrt.Plugin, control: Any) -> Iterator[Collectives]:
    with megascale.MegascaleContext(fake) as context, context.collectives(PLACES, b"network") as collectives:
        yield collectives


@pytest.fixture
def communicator(collectives: Collectives) -> Iterator[Communicator]:
    (communicator,) = collectives.communicators([0], [b"clique"], [0])
    with communicator:
        yield communicator


def test_context_is_that_of_a_client_or_a_default(fake: pjrt.Plugin, fake_client: pjrt.Client, control: Any) -> None:
    for source in (fake, fake_client):
        with megascale.MegascaleContext(source) as context:
            context.initialize()
            context.unblock_pending_work(3, 500)
            assert context.port == 8471
            with pytest.raises(InvalidArgumentError, match="nothing is pending"):
                context.unblock_pending_work(0, 0)


def test_configuration_of_slices(fake: pjrt.Plugin, fake_topology: pjrt.Topology, control: Any) -> None:
    with megascale.MegascaleContext(fake) as context:
        own = context.multi_slice_configuration(fake_topology, 2, 1, 0, b"a:1", b"network")
        with pytest.raises(InvalidArgumentError, match="the addresses are malformed"):
            context.multi_slice_configuration(fake_topology, 2, 1, 0, b"b:1", b"network")
    for configuration in (own, megascale.compilation_configuration(fake_topology, 2)):
        with configuration:
            assert (configuration.slice_count, configuration.slice_id) == (2, 1)
            assert configuration.devices_per_slice == {0: 4, 1: 8}
            assert configuration.serialize() == b"slices"


def test_numbers_of_devices(fake: pjrt.Plugin) -> None:
    assert megascale.megascale_id(fake, 2, 3) == 200003
    assert megascale.device_id(fake, 200003) == (2, 3)


def test_error_handlers_are_called(fake: pjrt.Plugin, control: Any) -> None:
    seen: list[bytes] = []
    megascale.register_error_handler(fake, "handler", seen.append)
    with pytest.raises(ArgumentError, match="`name` expected a handler that is not registered, but 'handler' is"):
        megascale.register_error_handler(fake, "handler", seen.append)
    control.call("megascale_error", b"it broke")
    megascale.unregister_error_handler(fake, "handler")
    control.call("megascale_error", b"again")

    assert seen == [b"it broke"]
    with pytest.raises(NotFoundError, match="there is no such handler"):
        megascale.unregister_error_handler(fake, "handler")


def test_exception_of_an_error_handler_is_reported(
    fake: pjrt.Plugin, control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    def fail(error: bytes) -> None:
        raise ValueError(error)

    megascale.register_error_handler(fake, "broken", fail)
    control.call("megascale_error", b"it broke")
    megascale.unregister_error_handler(fake, "broken")

    assert [report.exc_value.args for report in reported] == [(b"it broke",)]


def test_errors_are_aggregated(fake: pjrt.Plugin, control: Any) -> None:
    with megascale.ErrorAggregator(fake, "application") as aggregator:
        aggregator.add("worker", b"error")
        assert (len(aggregator), aggregator.active) == (1, True)
        with aggregator.process() as digest:
            aggregator.log(digest)
        assert not aggregator.active
        with pytest.raises(FailedPreconditionError, match="the aggregator has finished"):
            aggregator.add("worker", b"error")


def test_runtime_errors_and_addresses(fake: pjrt.Plugin, control: Any) -> None:
    record = megascale.runtime_error(fake, DataLossError("lost"), unrecoverable_kind=4)
    assert record == megascale.RuntimeErrorRecord(b"15 lost 4", True)
    assert megascale.runtime_error(fake, DataLossError("lost")).serialized == b"15 lost -1"
    assert megascale.interface_addresses(fake, "port", 1, use_all=True) == (b"lo:1", b"eth0:1")
    assert megascale.interface_addresses(fake, "port", 1, prefixes=["lo"]) == (b"lo:1",)


def test_places_are_checked(fake: pjrt.Plugin, control: Any) -> None:
    places = megascale.ProcessPlaces(addresses=["a:1"], slice_indices=[], indices_in_slice=[0], devices_per_process=4)
    with (
        megascale.MegascaleContext(fake) as context,
        pytest.raises(ArgumentError, match=r"a number for each of 1 process\(es\), but got 0 and 1"),
    ):
        context.collectives(places, b"")


def test_collective_operations(communicator: Communicator) -> None:
    source = numpy.arange(4, dtype=numpy.float32)
    started = [
        communicator.all_reduce(source, numpy.zeros(4, numpy.float32), ReductionKind.SUM, ALONE),
        communicator.reduce_scatter(source, numpy.zeros(4, numpy.float32), ReductionKind.MAXIMUM, ALONE),
        communicator.all_gather(source, numpy.zeros(4, numpy.float32), ALONE),
        communicator.collective_permute(source, numpy.zeros(4, numpy.float32), 0, [0], ALONE),
    ]
    for event in started:
        assert event.wait(10).tolist() == source.tolist()
    (target,) = communicator.all_to_all([source], [numpy.zeros(4, numpy.float32)], ALONE).wait(10)
    assert target.tolist() == source.tolist()
    assert str(communicator) == "communicator of one"


def test_collective_operations_check_their_arguments(communicator: Communicator, control: Any) -> None:
    source = numpy.arange(4, dtype=numpy.float32)
    wrong = numpy.zeros(4, numpy.float64)
    with pytest.raises(ArgumentError, match="expected C-contiguous arrays of one data type"):
        communicator.all_gather(source, wrong, ALONE)
    with pytest.raises(ArgumentError, match="expected equally many arrays, but got 1 and 0"):
        communicator.all_to_all([source], [], ALONE)
    with pytest.raises(InvalidArgumentError, match="there is only one member"):
        communicator.all_gather(source, source.copy(), Execution(run_id=1, device_ids=[0, 1]))
    control.fail_next(13)
    with pytest.raises(InternalError, match="the plugin misbehaves"):
        communicator.all_gather(source, source.copy(), ALONE)


def test_topology_that_claims_too_much_is_cut(fake_topology: pjrt.Topology, control: Any) -> None:
    topology = TpuTopology(fake_topology)

    assert topology.process_ids == (5,)
    assert topology.chip_bounds == (2, 2)
    with topology.subslice([1, 1], [1, 1]) as part:
        assert part.platform_name == "test"
    control.return_null(True)
    with pytest.raises(InvalidArgumentError, match="topology handle is a null pointer"):
        topology.subslice([1, 1], [1, 1])
