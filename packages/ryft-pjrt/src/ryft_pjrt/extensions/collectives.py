"""The collectives extension: collective operations on memory of the host, between the slices of TPUs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy

from ryft_pjrt.data_types import element_type
from ryft_pjrt.errors import ArgumentError
from ryft_pjrt.events import Event
from ryft_pjrt.extensions._handles import Handle, borrowed_bytes
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi, text

__all__ = ["Collectives", "Communicator", "Execution", "ReductionKind"]


class ReductionKind(IntEnum):
    """How values are combined."""

    SUM = 0
    PRODUCT = 1
    MINIMUM = 2
    MAXIMUM = 3


@dataclass(frozen=True, kw_only=True)
class Execution:
    """What tells the collective operations of an execution apart from others.

    Attributes:
        run_id: Number of the execution.
        device_ids: Numbers of the devices that take part.
        local_participant_count: How many of them this process has.
        operation_id: Number of the operation.
        cross_replica: Whether it goes over the replicas of one program, not over several programs.
        timeout_in_seconds: Longest time to wait for the others.
    """

    run_id: int
    device_ids: Sequence[int]
    local_participant_count: int = 1
    operation_id: int = 0
    cross_replica: bool = True
    timeout_in_seconds: float = 60.0

    def to_c(self) -> tuple[CData, CData]:
        """Returns a `PJRT_Collectives_CpuExecutor *`, and the C object that must stay alive as long as it is used."""
        devices = ffi.new("int64_t[]", list(self.device_ids))
        target = ffi.new("PJRT_Collectives_CpuExecutor *")
        target.run_id, target.global_device_ids, target.num_global_device_ids = self.run_id, devices, len(devices)
        target.num_local_participants, target.op_id = self.local_participant_count, self.operation_id
        target.collective_op_kind = int(self.cross_replica)
        target.timeout_in_ns = int(self.timeout_in_seconds * 1e9)
        return target, devices


class Communicator(Handle):
    """Place of one device in a group that works together."""

    _subject = "communicator"

    def __init__(self, api: Api, pointer: CData, group: Collectives) -> None:
        super().__init__(
            api,
            pointer,
            lambda pointer: api.call_extension("Collectives", "communicator_destroy", communicator=pointer),
        )
        self._group = group  # It must not be destroyed before.

    def all_reduce(
        self, source: numpy.ndarray, target: numpy.ndarray, kind: ReductionKind, execution: Execution
    ) -> Event[numpy.ndarray]:
        """Starts to combine the arrays of all devices into `target`, on each of them."""
        return self._start("all_reduce", source, target, source.size, execution, reduction_kind=kind)

    def reduce_scatter(
        self, source: numpy.ndarray, target: numpy.ndarray, kind: ReductionKind, execution: Execution
    ) -> Event[numpy.ndarray]:
        """Starts to combine the arrays of all devices, and to put this device's part of the result into `target`."""
        return self._start("reduce_scatter", source, target, target.size, execution, reduction_kind=kind)

    def all_gather(self, source: numpy.ndarray, target: numpy.ndarray, execution: Execution) -> Event[numpy.ndarray]:
        """Starts to put the arrays of all devices one after the other into `target`."""
        return self._start("all_gather", source, target, source.size, execution)

    def collective_permute(
        self,
        source: numpy.ndarray,
        target: numpy.ndarray,
        source_rank: int | None,
        target_ranks: Sequence[int],
        execution: Execution,
    ) -> Event[numpy.ndarray]:
        """Starts to send an array to devices, and to receive one into `target`, unless `source_rank` is `None`."""
        return self._start(
            "collective_permute",
            source,
            target,
            source.size,
            execution,
            has_source_rank=source_rank is not None,
            source_rank=source_rank or 0,
            target_ranks=ffi.new("int64_t[]", list(target_ranks)),
            num_target_ranks=len(target_ranks),
        )

    def all_to_all(
        self, sources: Sequence[numpy.ndarray], targets: Sequence[numpy.ndarray], execution: Execution
    ) -> Event[Sequence[numpy.ndarray]]:
        """Starts to send one array to each device, and to receive one from each.

        Raises:
            ArgumentError: If the arrays do not fit each other.
        """
        if not sources or len(sources) != len(targets):
            raise ArgumentError(f"expected equally many arrays, but got {len(sources)} and {len(targets)}")
        for source, target in zip(sources, targets, strict=True):
            _check(source, target)
        executor, keep = execution.to_c()
        sizes = [ffi.new("size_t[]", [array.nbytes for array in arrays]) for arrays in (sources, targets)]
        with self._pin() as pointer:
            found = self._api.call_extension(
                "Collectives",
                "communicator_all_to_all",
                communicator=pointer,
                send_buffers_ptrs=ffi.new("void *[]", list(map(_address, sources))),
                send_buffers_sizes=sizes[0],
                num_send_buffers=len(sources),
                recv_buffers_ptrs=ffi.new("void *[]", list(map(_address, targets))),
                recv_buffers_sizes=sizes[1],
                num_recv_buffers=len(targets),
                primitive_type=element_type(sources[0].dtype),
                count=sources[0].size,
                cpu_executor=executor,
            )
        return Event(self._api, found.event, targets, keep=(sources, targets, executor, keep, self))

    def _start(
        self,
        name: str,
        source: numpy.ndarray,
        target: numpy.ndarray,
        count: int,
        execution: Execution,
        **fields: object,
    ) -> Event[numpy.ndarray]:
        _check(source, target)
        executor, keep = execution.to_c()
        with self._pin() as pointer:
            found = self._api.call_extension(
                "Collectives",
                f"communicator_{name}",
                communicator=pointer,
                send_buffer_ptr=_address(source),
                send_buffer_size=source.nbytes,
                recv_buffer_ptr=_address(target),
                recv_buffer_size=target.nbytes,
                primitive_type=element_type(source.dtype),
                count=count,
                cpu_executor=executor,
                **fields,
            )
        return Event(self._api, found.event, target, keep=(source, target, executor, keep, fields, self))

    def __str__(self) -> str:
        with self._pin() as pointer:
            found = self._api.call_extension("Collectives", "communicator_to_string", communicator=pointer)
        try:
            return text(found.str, found.str_size)
        finally:
            if found.str_holder_deleter != NULL:
                found.str_holder_deleter(found.str_holder)


class Collectives(Handle):
    """Maker of communicators. The megascale extension makes it."""

    _subject = "collectives"

    def __init__(self, api: Api, pointer: CData) -> None:
        super().__init__(
            api,
            pointer,
            lambda pointer: api.call_extension("Collectives", "collectives_destroy", collectives=pointer),
        )

    def communicators(
        self, device_ids: Sequence[int], clique_ids: Sequence[bytes], ranks: Sequence[int]
    ) -> tuple[Communicator, ...]:
        """Returns a communicator for each rank of this process.

        Args:
            device_ids: Numbers of the devices of the group.
            clique_ids: What the members of the group have agreed on to find each other.
            ranks: Places in the group that belong to this process.

        Raises:
            PjrtError: If the group cannot be formed.
        """
        keep = [borrowed_bytes(clique) for clique in clique_ids]
        target = ffi.new("PJRT_Collectives_Communicator *[]", len(ranks))
        with self._pin() as pointer:
            found = self._api.call_extension(
                "Collectives",
                "collectives_create_communicators",
                collectives=pointer,
                device_ids=ffi.new("int64_t[]", list(device_ids)),
                num_device_ids=len(device_ids),
                clique_ids=ffi.new("const char *[]", keep),
                clique_id_sizes=ffi.new("size_t[]", list(map(len, clique_ids))),
                num_clique_ids=len(clique_ids),
                rank_ids=ffi.new("int64_t[]", list(ranks)),
                num_device_ranks=len(ranks),
                communicators=target,
            )
        try:
            count = found.num_communicators
            return tuple(Communicator(self._api, found.communicators[i], self) for i in range(count))
        finally:
            if found.communicators_holder_deleter != NULL:
                found.communicators_holder_deleter(found.communicators_holder)


def _check(source: numpy.ndarray, target: numpy.ndarray) -> None:
    if source.dtype != target.dtype or not source.flags.c_contiguous or not target.flags.carray:
        raise ArgumentError(
            "expected C-contiguous arrays of one data type, of which the second is writeable, "
            f"but got {source.dtype} {source.shape} and {target.dtype} {target.shape}"
        )


def _address(array: numpy.ndarray) -> CData:
    return ffi.cast("void *", array.__array_interface__["data"][0])
