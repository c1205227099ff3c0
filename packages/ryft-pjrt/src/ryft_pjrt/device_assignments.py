"""Which device runs which copy of a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ryft_pjrt._arguments import check_type
from ryft_pjrt._wire import encode_bytes, encode_integer, encode_packed, fields, integers
from ryft_pjrt.errors import ArgumentError, DataLossError, NotFoundError

__all__ = ["DeviceAssignment"]


@dataclass(frozen=True)
class DeviceAssignment:
    """Device of each replica of each partition of a program.

    Attributes:
        device_ids: Device numbers: one row for each replica, with one number for each partition.
    """

    device_ids: tuple[tuple[int, ...], ...]

    def __init__(self, device_ids: Sequence[Sequence[int]]) -> None:
        """Makes an assignment from rows of device numbers.

        Raises:
            ArgumentError: If a row has another length than the first, or there is none.
        """
        rows = tuple(tuple(map(int, row)) for row in device_ids)
        if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
            raise ArgumentError(f"`DeviceAssignment` expected rows of one positive length, but got {rows}")
        object.__setattr__(self, "device_ids", rows)

    @property
    def replica_count(self) -> int:
        """Number of replicas."""
        return len(self.device_ids)

    @property
    def computation_count(self) -> int:
        """Number of partitions."""
        return len(self.device_ids[0])

    def device_id(self, replica: int, computation: int) -> int:
        """Returns the device of a partition of a replica.

        Raises:
            ArgumentError: If there is no such replica or partition.
        """
        if not (0 <= replica < self.replica_count and 0 <= computation < self.computation_count):
            raise ArgumentError(
                f"expected a replica below {self.replica_count} and a partition below {self.computation_count}, "
                f"but got {replica} and {computation}"
            )
        return self.device_ids[replica][computation]

    def logical_id(self, device_id: int) -> tuple[int, int]:
        """Returns the replica and the partition that a device runs.

        Raises:
            NotFoundError: If the device runs none.
            ArgumentError: If it runs more than one.
        """
        found = [
            (replica, computation)
            for replica, row in enumerate(self.device_ids)
            for computation, assigned in enumerate(row)
            if assigned == device_id
        ]
        if not found:
            raise NotFoundError(f"device {device_id} is not in the assignment {self.device_ids}")
        if len(found) > 1:
            raise ArgumentError(f"device {device_id} is more than once in the assignment {self.device_ids}")
        return found[0]

    def replica_id(self, device_id: int) -> int:
        """Returns the replica that a device runs."""
        return self.logical_id(device_id)[0]

    def computation_id(self, device_id: int) -> int:
        """Returns the partition that a device runs."""
        return self.logical_id(device_id)[1]

    def serialize(self) -> bytes:
        """Returns the assignment as a serialized `DeviceAssignmentProto`."""
        columns = zip(*self.device_ids, strict=True)
        return b"".join(
            (
                encode_integer(1, self.replica_count),
                encode_integer(2, self.computation_count),
                *(encode_bytes(3, encode_packed(1, column)) for column in columns),
            )
        )

    @classmethod
    def deserialize(cls, data: bytes) -> DeviceAssignment:
        """Returns the assignment in a serialized `DeviceAssignmentProto`.

        Raises:
            DataLossError: If the bytes are not such a message.
        """
        check_type("data", data, (bytes, bytearray, memoryview), "bytes")
        columns: list[list[int]] = []
        for number, value in fields(memoryview(data)):
            if number == 3 and not isinstance(value, int):
                columns.append([item for field, ids in fields(value) if field == 1 for item in integers(ids)])
        try:
            return cls(tuple(zip(*columns, strict=True)))
        except ValueError as error:
            raise DataLossError(f"the bytes are not a device assignment: {error}") from None
