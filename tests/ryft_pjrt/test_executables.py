"""Tests of programs, executables, their serialized form, and topologies."""

import gc
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    ArgumentError,
    ArgumentTypeError,
    ClosedError,
    DataLossError,
    PjrtError,
    UnavailableError,
    UnimplementedError,
)

TYPES = """
module {
  func.func @main(%a: tensor<2x3xbf16>, %b: tensor<4xi4>, %c: tensor<complex<f32>>, %d: tensor<0xi1>)
      -> (tensor<2x3xbf16>, tensor<4xi4>, tensor<complex<f32>>, tensor<0xi1>) {
    return %a, %b, %c, %d : tensor<2x3xbf16>, tensor<4xi4>, tensor<complex<f32>>, tensor<0xi1>
  }
}
"""


def test_executable_describes_itself(add: pjrt.LoadedExecutable) -> None:
    executable = add.executable

    assert (executable.name, executable.replica_count, executable.partition_count) == ("main", 1, 1)
    assert executable.output_count == 1
    assert [str(kind) for kind in executable.output_types] == ["f32[8]"]
    assert [str(kind) for kind in executable.parameter_types] == ["f32[8]", "f32[8]"]
    assert executable.fingerprint
    assert executable.cost_analysis["flops"] == 8
    statistics = executable.memory_statistics()
    assert statistics.device_input_size_in_bytes == 64
    assert statistics.device_output_size_in_bytes == 32
    assert repr(executable) == "Executable(main)"


def test_parameter_types_are_read_from_the_compiled_program(client: pjrt.Client) -> None:
    executable = client.compile(TYPES)

    kinds = ["bf16[2,3]", "i4[4]", "c64[]", "pred[0]"]
    assert [str(kind) for kind in executable.parameter_types] == kinds
    assert [str(kind) for kind in executable.output_types] == kinds


def test_values_of_small_types_pass_through_programs(client: pjrt.Client) -> None:
    executable = client.compile(TYPES)
    shapes = [(kind.dtype, kind.shape) for kind in executable.parameter_types]
    arrays = [numpy.arange(numpy.prod(shape, dtype=int)).astype(dtype).reshape(shape) for dtype, shape in shapes]

    outputs = executable(*[client.buffer(array) for array in arrays])

    for output, array in zip(outputs, arrays, strict=True):
        assert output.to_numpy().tobytes() == array.tobytes()


def test_loaded_executable_describes_itself(client: pjrt.Client, add: pjrt.LoadedExecutable) -> None:
    assert (add.name, add.devices, add.logical_ids) == ("main", (client.devices[0],), ((0, 0),))
    assert add.device_assignment == pjrt.DeviceAssignment([[0]])
    assert not add.is_deleted
    assert repr(add) == "LoadedExecutable(main)"


def test_optimized_program_can_be_read(add: pjrt.LoadedExecutable) -> None:
    from ryft_xla_sys.protos import HloModuleProtoWithConfig

    program = add.executable.optimized_program()

    assert program.format == "hlo_with_config"
    assert HloModuleProtoWithConfig.FromString(program.code).hlo_module.name == "main"


def test_programs_are_compiled_from_hlo(client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray) -> None:
    from ryft_xla_sys.protos import HloModuleProtoWithConfig

    optimized = add.executable.optimized_program()
    module = HloModuleProtoWithConfig.FromString(optimized.code).hlo_module
    x = client.buffer(eight)

    compiled = client.compile(pjrt.Program(module.SerializeToString(), "hlo"))
    numpy.testing.assert_array_equal(compiled(x, x).to_numpy(), eight * 2)
    with pytest.raises(PjrtError, match="Unknown program format 'hlo_with_config'"):
        client.compile(optimized)


@pytest.mark.parametrize(
    "program",
    ["", "nonsense", "module { func.func @main() { return %x } }", b"ML\xefR\x00garbage", "module { func.func @f() }"],
)
def test_malformed_programs_are_errors(client: pjrt.Client, program: str | bytes) -> None:
    with pytest.raises(PjrtError, match=r"."):
        client.compile(program)


@pytest.mark.parametrize("form", ["hlo", "hlo_with_config"])
def test_malformed_hlo_is_an_error(client: pjrt.Client, form: str) -> None:
    with pytest.raises(PjrtError, match=r"."):
        client.compile(pjrt.Program(b"\xff\xff\xff", form))


def test_programs_reject_other_codes_and_formats() -> None:
    with pytest.raises(ArgumentTypeError, match="`Program` expected text or bytes, but got `int`"):
        pjrt.Program(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match=r"`Program` expected a format among .* but got 'text'"):
        pjrt.Program("", "text")
    assert repr(pjrt.Program("abc")) == "Program(3 bytes, format='mlir')"


def test_serialized_executables_can_be_loaded(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    x = client.buffer(eight)

    for loaded in (
        client.deserialize_and_load(add.serialize()),
        client.deserialize_and_load(add.serialize(), pjrt.CompilationOptions()),
        client.deserialize_and_load(add.serialize(), parameter_types=[("float32", (8,))] * 2),
        client.load(add.executable),
    ):
        assert [str(kind) for kind in loaded.parameter_types] == ["f32[8]", "f32[8]"]
        numpy.testing.assert_array_equal(loaded(x, x).to_numpy(), eight * 2)


@pytest.mark.parametrize("change", ["empty", "short", "long", "flipped", "raw"])
def test_changed_bytes_are_not_loaded(client: pjrt.Client, add: pjrt.LoadedExecutable, change: str) -> None:
    data = add.serialize()
    changed = {
        "empty": b"",
        "short": data[:-1],
        "long": data + b"\0",
        "flipped": data[:500] + bytes([data[500] ^ 1]) + data[501:],
        "raw": data[40:],
    }[change]

    with pytest.raises(DataLossError, match=r"are not a serialized executable of plugin `.*`, or were changed"):
        client.deserialize_and_load(changed)


def test_what_the_plugin_lacks_is_reported(client: pjrt.Client, add: pjrt.LoadedExecutable) -> None:
    executable = add.executable

    with pytest.raises(UnimplementedError, match="not supported"):
        executable.output_memory_kinds
    with pytest.raises(UnimplementedError, match="`PJRT_Executable_ParameterMemoryKinds` is not implemented"):
        executable.parameter_memory_kinds
    with pytest.raises(UnavailableError, match="does not know the size of the code of `main`"):
        executable.generated_code_size_in_bytes
    with pytest.raises(UnimplementedError, match="`PJRT_Executable_GetCompileOptions` is not implemented"):
        executable.compilation_options()


def test_closed_executables_cannot_be_used(client: pjrt.Client, programs: object) -> None:
    loaded = client.compile(programs.ADD)
    executable = loaded.executable
    executable.close()
    loaded.delete()

    for action in (
        lambda: executable.name,
        executable.serialize,
        executable.optimized_program,
        lambda: client.load(executable),
        lambda: loaded.is_deleted,
        lambda: loaded.device_assignment,
    ):
        with pytest.raises(ClosedError, match=r"cannot use this (loaded )?executable"):
            action()
    assert (repr(executable), repr(loaded)) == ("Executable(closed)", "LoadedExecutable(closed)")


def test_topology_of_a_client_describes_its_devices(client: pjrt.Client) -> None:
    topology = client.topology

    assert (topology.platform_name, topology.platform_version) == ("cpu", client.platform_version)
    assert [device.id for device in topology.device_descriptions] == [0, 1, 2, 3]
    assert topology.attributes == {}
    assert topology == client.topology
    assert hash(topology) == hash(client.topology)
    assert repr(topology) == "Topology(Client(cpu))"
    with pytest.raises(pjrt.errors.NotFoundError, match="the topology has no attribute named `a`"):
        topology.attribute("a")


def test_serialized_topology_is_the_message_of_the_platform(client: pjrt.Client) -> None:
    from ryft_xla_sys.protos import CpuTopologyProto

    assert len(CpuTopologyProto.FromString(client.topology.serialize()).cpu_devices) == 4


def test_cpu_plugin_makes_no_topologies_and_compiles_for_none(
    client: pjrt.Client, plugin: pjrt.Plugin, programs: object
) -> None:
    with pytest.raises(UnimplementedError, match="Topology not supported"):
        plugin.topology("v5e:2x2")
    with pytest.raises(PjrtError, match="No compiler registered"):
        plugin.deserialize_topology(client.topology.serialize())
    with pytest.raises(PjrtError, match="No compiler registered"):
        plugin.compile(programs.ADD, client.topology)
    with pytest.raises(UnimplementedError, match="`PJRT_TopologyDescription_Fingerprint` is not implemented"):
        client.topology.fingerprint


def test_plugin_reads_device_assignments(plugin: pjrt.Plugin) -> None:
    assignment = pjrt.DeviceAssignment([[1, 2]])

    assert plugin.deserialize_device_assignment(assignment.serialize()) == assignment


def test_program_of_a_loaded_executable_keeps_it_alive(client: pjrt.Client, programs: SimpleNamespace) -> None:
    executable = client.compile(programs.ADD).executable
    gc.collect()

    assert [str(type) for type in executable.output_types] == ["f32[8]"]
    assert executable.name


def test_program_of_a_loaded_executable_is_closed_with_it(client: pjrt.Client, programs: SimpleNamespace) -> None:
    loaded = client.compile(programs.ADD)
    executable = loaded.executable
    loaded.close()

    with pytest.raises(ClosedError, match="closed"):
        _ = executable.name
