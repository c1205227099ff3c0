"""Tests of device assignments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_pjrt import DeviceAssignment
from ryft_pjrt.errors import ArgumentError, DataLossError, NotFoundError

assignments = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda counts: st.permutations(range(counts[0] * counts[1])).map(
        lambda ids: DeviceAssignment([ids[i * counts[1] : (i + 1) * counts[1]] for i in range(counts[0])])
    )
)


@given(assignments)
def test_assignments_serialize_as_xla_does(assignment: DeviceAssignment) -> None:
    from ryft_xla_sys.protos import DeviceAssignmentProto

    message = DeviceAssignmentProto.FromString(assignment.serialize())

    assert (message.replica_count, message.computation_count) == (
        assignment.replica_count,
        assignment.computation_count,
    )
    for computation, devices in enumerate(message.computation_devices):
        for replica, device in enumerate(devices.replica_device_ids):
            assert assignment.device_id(replica, computation) == device
    assert DeviceAssignment.deserialize(message.SerializeToString()) == assignment


@given(assignments)
def test_logical_ids_invert_device_ids(assignment: DeviceAssignment) -> None:
    for replica in range(assignment.replica_count):
        for computation in range(assignment.computation_count):
            device = assignment.device_id(replica, computation)
            assert assignment.logical_id(device) == (replica, computation)
            assert (assignment.replica_id(device), assignment.computation_id(device)) == (replica, computation)


@pytest.mark.parametrize("rows", [[], [[]], [[1], [2, 3]]])
def test_assignments_reject_uneven_rows(rows: list[list[int]]) -> None:
    with pytest.raises(ArgumentError, match="`DeviceAssignment` expected rows of one positive length"):
        DeviceAssignment(rows)


def test_assignments_reject_unknown_ids() -> None:
    assignment = DeviceAssignment([[0, 1], [2, 2]])

    with pytest.raises(ArgumentError, match="expected a replica below 2 and a partition below 2, but got 2 and 0"):
        assignment.device_id(2, 0)
    with pytest.raises(NotFoundError, match="device 5 is not in the assignment"):
        assignment.logical_id(5)
    with pytest.raises(ArgumentError, match="device 2 is more than once in the assignment"):
        assignment.logical_id(2)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\x1a\x05\x01", b"\x1f", b"\x1a\x04\x0a\x02\x01\x02\x1a\x03\x0a\x01\x01"]
)
def test_deserialize_rejects_other_bytes(data: bytes) -> None:
    with pytest.raises(DataLossError, match=r"assignment|protobuf message"):
        DeviceAssignment.deserialize(data)
