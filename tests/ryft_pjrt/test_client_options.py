"""Tests of client options: an unknown one, or one of a wrong type, never reaches a plugin."""

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.client_options import option_values
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, OptionError


def test_cpu_options_set_the_device_count(plugin: pjrt.Plugin) -> None:
    with plugin.client(pjrt.CpuClientOptions(device_count=2)) as client:
        assert len(client.devices) == 2
    with plugin.client({"cpu_device_count": 3}) as client:
        assert len(client.devices) == 3
    with plugin.client() as client:
        assert len(client.devices) == 4


def test_unknown_options_are_errors(plugin: pjrt.Plugin) -> None:
    with pytest.raises(OptionError, match="there is no option named `device_count` for clients of the platform") as e:
        plugin.client({"device_count": 2})
    assert e.value.__notes__ == ["hint: the options are cpu_device_count"]


@pytest.mark.parametrize("value", ["2", 2.0, True, None, [2], b"2"])
def test_values_of_a_wrong_type_are_errors(plugin: pjrt.Plugin, value: object) -> None:
    with pytest.raises(OptionError, match="option `cpu_device_count` expected int, but got"):
        plugin.client({"cpu_device_count": value})


@pytest.mark.parametrize("value", [0, -1, 2**70])
def test_values_out_of_range_are_errors(plugin: pjrt.Plugin, value: int) -> None:
    with pytest.raises(OptionError, match="option `cpu_device_count` expected a number from 1 to 4096, but got"):
        plugin.client({"cpu_device_count": value})


def test_integers_of_numpy_are_integers() -> None:
    (value,) = option_values({"cpu_device_count": numpy.int32(3)}, "cpu").values()
    assert (value, type(value)) == (3, int)


def test_mock_topologies_have_positive_counts() -> None:
    with pytest.raises(ArgumentError, match="`partition_count` expected an integer from 1 to 2147483647, but got -1"):
        pjrt.MockGpuTopology(-1, 1, 8)
    with pytest.raises(ArgumentTypeError, match="`device_count_per_host` expected an integer, but got `str`"):
        pjrt.MockGpuTopology(1, 1, "8")


def test_options_of_another_platform_are_errors(plugin: pjrt.Plugin) -> None:
    with pytest.raises(OptionError, match="expected options for the platform `cpu`, but got those for `gpu`"):
        plugin.client(pjrt.GpuClientOptions())
    with pytest.raises(OptionError, match="expected options for the platform `cpu`, but got those for `tpu`"):
        plugin.client(pjrt.TpuClientOptions())
    with pytest.raises(OptionError, match="`options` expected options or a mapping, but got `int`"):
        plugin.client(3)  # pyright: ignore[reportArgumentType]


def test_gpu_options_have_the_names_of_the_plugin() -> None:
    options = pjrt.GpuClientOptions(
        platform=pjrt.GpuPlatform.CUDA,
        visible_devices=(0, 2),
        node_id=1,
        node_count=2,
        partition_index=0,
        should_stage_host_to_device_transfers=False,
        allocator=pjrt.GpuAllocator.BFC,
        memory_fraction=1,
        preallocate=True,
        collective_memory_size=2**20,
        abort_collectives_on_failure=True,
        use_tfrt_gpu_client=True,
        mock_gpu_topology=pjrt.MockGpuTopology(1, 2, 8),
    )

    assert option_values(options, "gpu") == {
        "platform_name": "cuda",
        "visible_devices": [0, 2],
        "node_id": 1,
        "num_nodes": 2,
        "partition_index": 0,
        "should_stage_host_to_device_transfers": False,
        "allocator": "bfc",
        "memory_fraction": 1.0,
        "preallocate": True,
        "collective_memory_size": 2**20,
        "abort_collectives_on_failure": True,
        "use_tfrt_gpu_client": True,
        "enable_mock_nccl": True,
        "mock_gpu_topology": "1x2x8",
    }
    assert option_values(pjrt.GpuClientOptions(), "gpu") == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"memory_fraction": 1.5}, "`memory_fraction` expected a number from 0.0 to 1.0, but got 1.5"),
        ({"memory_fraction": "x"}, "`memory_fraction` expected float"),
        ({"visible_devices": "01"}, "`visible_devices` expected list of int, but got '01'"),
        ({"visible_devices": [0, 1.5]}, "`visible_devices` expected list of int"),
        ({"preallocate": 1}, "`preallocate` expected bool, but got 1 of type `int`"),
        ({"node_count": 2}, "there is no option named `node_count`"),
    ],
)
def test_gpu_options_are_checked(values: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        option_values(values, "gpu")


def test_tpu_options_are_checked() -> None:
    options = pjrt.TpuClientOptions(max_inflight_computations=4, ml_framework_name="ryft")
    assert option_values(options, "tpu") == {"max_inflight_computations": 4, "ml_framework_name": "ryft"}
    with pytest.raises(OptionError, match="`max_inflight_computations` expected int, but got 'x'"):
        option_values(pjrt.TpuClientOptions(max_inflight_computations="x"), "tpu")


def test_unknown_platforms_take_any_option_but_check_the_types_that_are_known() -> None:
    assert option_values({"whatever": 3}, None) == {"whatever": 3}
    with pytest.raises(OptionError, match="option `cpu_device_count` expected int"):
        option_values({"cpu_device_count": "2"}, None)
