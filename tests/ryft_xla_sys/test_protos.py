"""The messages against what the binaries themselves say of theirs, and against bytes that plugins and `jaxlib` made."""

from __future__ import annotations

import importlib.util
import mmap
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, text_format, unknown_fields
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from jaxlib import _jax

from ryft_xla_sys import protos
from ryft_xla_sys.api import Api
from ryft_xla_sys.ffi import ffi, lib
from ryft_xla_sys.protos import (
    compile_options_pb2,
    debug_options_pb2,
    executables_pb2,
    gpu_pb2,
    hlo_operations_pb2,
    hlo_pb2,
    profiles_pb2,
    topologies_pb2,
    xla_data_pb2,
)

MODULES = (
    compile_options_pb2,
    debug_options_pb2,
    executables_pb2,
    gpu_pb2,
    hlo_operations_pb2,
    hlo_pb2,
    profiles_pb2,
    topologies_pb2,
    xla_data_pb2,
)
PACKAGES = (
    "xla.autotuner",
    "xla.cpu",
    "xla",
    "stream_executor.dnn",
    "stream_executor",
    "tensorflow.profiler",
    "tensorflow",
)
LIBRARIES = {"plugin": ("xla_plugins.xla_cpu_pjrt", "xla_cpu_pjrt.so"), "jaxlib": ("jaxlib", "libjax_common.so")}
ADD = """module @double { func.func public @main(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = stablehlo.add %x, %x : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
} }"""


def embedded_files(path: Path) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """Returns the descriptors that the C++ code generator of protobuf left in a library."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for found in re.finditer(
            rb"\n([\x05-\x7f])((?:xla|tsl|google/protobuf)/[a-z_0-9/]+\.proto)[\x12\x1a\x22]", content
        ):
            if found[1][0] == len(found[2]):
                parsed = descriptor_pb2.FileDescriptorProto.FromString(
                    content[found.start() : end_of_file(content, found.start())]
                )
                files[parsed.name] = parsed
    return files


def end_of_file(content: mmap.mmap, start: int) -> int:
    """Returns where the descriptor of a file ends: at the first byte that cannot be one of its fields."""
    position = start
    while True:
        tag, after = read_varint(content, position)
        number, kind = tag >> 3, tag & 7
        if kind == 2 and number in range(1, 13) and (number != 1 or position == start):
            length, after = read_varint(content, after)
            after += length
        elif kind == 0 and number in (10, 11, 14):
            _, after = read_varint(content, after)
        else:
            return position
        position = after


def read_varint(content: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        value, shift, position = value | (byte & 127) << shift, shift + 7, position + 1
        if byte < 128:
            return value, position


@cache
def embedded_messages(library: str) -> dict[str, Descriptor]:
    """Returns the messages that a library was compiled with, by their name without the package."""
    package, name = LIBRARIES[library]
    specification = importlib.util.find_spec(package)
    assert specification is not None
    assert specification.submodule_search_locations
    files = embedded_files(Path(specification.submodule_search_locations[0]) / name)
    pool, added = descriptor_pool.DescriptorPool(), set[str]()

    def add(name: str) -> None:
        if name not in added:
            added.add(name)
            for dependency in files[name].dependency:
                add(dependency)
            pool.Add(files[name])

    messages: dict[str, Descriptor] = {}
    for package in reversed(PACKAGES):
        for name, file in files.items():
            if file.package == package and all(dependency in files for dependency in file.dependency):
                add(name)
                for message in pool.FindFileByName(name).message_types_by_name.values():
                    for nested in walk(message):
                        messages[nested.full_name.removeprefix(f"{package}.")] = nested
    return messages


def walk(message: Descriptor) -> list[Descriptor]:
    return [message, *(inner for nested in message.nested_types for inner in walk(nested))]


OURS = {
    nested.full_name.removeprefix("ryft.xla."): nested
    for module in MODULES
    for message in module.DESCRIPTOR.message_types_by_name.values()
    for nested in walk(message)
}


def describe(field: FieldDescriptor) -> tuple[Any, ...]:
    # XLA widened some fields from 32 to 64 bits, which the wire format allows.
    kind = {FieldDescriptor.TYPE_INT32: FieldDescriptor.TYPE_INT64}.get(field.type, field.type)
    target = field.message_type.name if field.message_type else None
    return field.number, field.name, kind, target, field.is_repeated, field.is_packed


@pytest.mark.parametrize("library", LIBRARIES)
def test_messages_have_the_fields_that_the_library_was_compiled_with(library: str) -> None:
    theirs = embedded_messages(library)
    shared = OURS.keys() & theirs.keys()

    assert len(shared) > 100
    for name in shared:
        ours = {field.number: describe(field) for field in OURS[name].fields}
        for field in theirs[name].fields:
            assert ours.get(field.number) == describe(field), f"{name}.{field.name}"


@pytest.mark.parametrize("library", LIBRARIES)
def test_enumerations_have_the_values_that_the_library_was_compiled_with(library: str) -> None:
    theirs = {
        field.enum_type.name: field.enum_type
        for m in embedded_messages(library).values()
        for field in m.fields
        if field.enum_type
    }
    ours = {field.enum_type.name: field.enum_type for m in OURS.values() for field in m.fields if field.enum_type}

    for name in {"PrimitiveType", "EffortLevel", "Precision", "CommandBufferCmdType", "CustomCallApiVersion"}:
        for value in theirs[name].values:
            assert ours[name].values_by_name[value.name].number == value.number, f"{name}.{value.name}"


def test_messages_are_in_a_package_of_our_own() -> None:
    assert {module.DESCRIPTOR.package for module in MODULES} == {"ryft.xla"}
    assert {module.DESCRIPTOR.name.rpartition("/")[0] for module in MODULES} == {"ryft_xla_sys/protos"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_generated_module_accepts_any_version_of_the_runtime(module: Any) -> None:
    assert "ValidateProtobufRuntimeVersion" not in Path(module.__file__).read_text()


def unknown(message: Message) -> list[str]:
    """Returns the fields of a message, and of those inside it, that it did not understand."""
    found = [f"{message.DESCRIPTOR.name}.{field.field_number}" for field in unknown_fields.UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for inner in value if field.is_repeated else [value]:
            found += unknown(inner)
    return found


def optimized_program(api: Api, executable: Any) -> tuple[str, bytes]:
    """Returns the format and the bytes of the optimized program of an executable."""
    program = ffi.new("PJRT_Program *", {"struct_size": lib.PJRT_Program_STRUCT_SIZE})
    api.call("PJRT_Executable_OptimizedProgram", executable=executable, program=program)
    buffer = ffi.new("char[]", program.code_size)
    program.code = buffer
    api.call("PJRT_Executable_OptimizedProgram", executable=executable, program=program)
    return ffi.string(program.format, program.format_size).decode(), bytes(ffi.buffer(buffer, program.code_size))


def executable_of(runner: Any, program: str, options: protos.CompileOptionsProto | None = None) -> Any:
    loaded = runner.compile(program, options)
    return runner.api.call("PJRT_LoadedExecutable_GetExecutable", loaded_executable=loaded).executable


def test_optimized_program_round_trips(cpu_api: Api, runner: Any) -> None:
    form, content = optimized_program(cpu_api, executable_of(runner, ADD))
    program = protos.HloModuleProtoWithConfig.FromString(content)
    again = program.SerializeToString()

    assert form == "hlo_with_config"
    assert unknown(program) == []
    assert program.hlo_module.SerializeToString() in content  # Byte for byte; the configuration holds a map.
    assert len(again) == len(content)
    assert protos.HloModuleProtoWithConfig.FromString(again) == program


def test_optimized_program_can_be_read(cpu_api: Api, runner: Any) -> None:
    _, content = optimized_program(cpu_api, executable_of(runner, ADD))
    module = protos.HloModuleProtoWithConfig.FromString(content).hlo_module
    entry = next(computation for computation in module.computations if computation.id == module.entry_computation_id)
    root = next(instruction for instruction in entry.instructions if instruction.id == entry.root_id)

    assert (module.name, module.entry_computation_name) == ("double", entry.name)
    assert [list(shape.dimensions) for shape in entry.program_shape.parameters] == [[2, 3]]
    assert entry.program_shape.result.element_type == protos.PrimitiveType.F32
    assert list(entry.program_shape.result.layout.minor_to_major) == [1, 0]
    assert root.opcode == "fusion"
    assert {instruction.opcode for c in module.computations for instruction in c.instructions} >= {"parameter", "add"}


def test_xla_reads_back_the_program_that_we_serialize(cpu_api: Api, runner: Any) -> None:
    _, content = optimized_program(cpu_api, executable_of(runner, ADD))
    module = protos.HloModuleProtoWithConfig.FromString(content).hlo_module
    text = _jax.HloModule.from_serialized_hlo_module_proto(module.SerializeToString()).to_string()

    assert text.startswith("HloModule double")
    assert "entry_computation_layout={(f32[2,3]{1,0})->f32[2,3]{1,0}}" in text


def test_compile_options_of_a_serialized_executable_round_trip(cpu_api: Api, runner: Any) -> None:
    options = protos.CompileOptionsProto()
    options.env_option_overrides["xla_cpu_enable_fast_math"].bool_field = True
    executable = executable_of(runner, ADD, options)
    arguments = cpu_api.call("PJRT_Executable_Serialize", executable=executable)
    content = bytes(ffi.buffer(arguments.serialized_bytes, arguments.serialized_bytes_size))
    arguments.serialized_executable_deleter(arguments.serialized_executable)
    whole = protos.ExecutableAndOptionsProto.FromString(content)
    found = whole.compile_options

    assert unknown(whole) == []
    assert protos.ExecutableAndOptionsProto.FromString(whole.SerializeToString()) == whole
    assert found.executable_build_options.device_ordinal == -1
    assert found.executable_build_options.num_replicas == 1
    assert found.env_option_overrides["xla_cpu_enable_fast_math"].bool_field is True


def test_unknown_flag_reaches_the_plugin_by_its_name(runner: Any) -> None:
    options = protos.CompileOptionsProto()
    options.env_option_overrides["xla_of_tomorrow"].bool_field = True

    with pytest.raises(Exception, match="xla_of_tomorrow"):
        runner.compile(ADD, options)


def test_compile_options_of_xla_round_trip() -> None:
    theirs = _jax.CompileOptions()
    theirs.num_replicas, theirs.num_partitions = 2, 3
    theirs.device_assignment = _jax.DeviceAssignment.create(numpy.array([[0, 1, 2], [3, 4, 5]]))
    theirs.executable_build_options.use_spmd_partitioning = True
    theirs.executable_build_options.debug_options.xla_dump_to = "somewhere"
    content = theirs.SerializeAsString()
    ours = protos.CompileOptionsProto.FromString(content)
    build = ours.executable_build_options

    assert unknown(ours) == []
    assert (build.num_replicas, build.num_partitions, build.use_spmd_partitioning) == (2, 3, True)
    assert build.debug_options.xla_dump_to == "somewhere"
    assert [list(device.replica_device_ids) for device in build.device_assignment.computation_devices] == [
        [0, 3],
        [1, 4],
        [2, 5],
    ]
    assert _jax.CompileOptions.ParseFromString(ours.SerializeToString()).SerializeAsString() == content


@pytest.mark.parametrize(
    ("number", "name"),
    [(458, "xla_gpu_experimental_enable_onehot_rewriter"), (464, "xla_gpu_enable_command_buffer_va_remapping")],
)
def test_flag_of_plugins_between_the_oldest_and_the_newest_has_its_number(number: int, name: str) -> None:
    assert protos.DebugOptions.DESCRIPTOR.fields_by_number[number].name == name


def test_fields_that_are_unknown_survive_a_round_trip() -> None:
    content = protos.DebugOptions(xla_dump_to="x").SerializeToString() + bytes([0xF8, 0xFF, 0x3F, 0x01])

    assert protos.DebugOptions.FromString(content).SerializeToString() == content


def test_topology_of_the_cpu_plugin_round_trips(cpu_api: Api, runner: Any) -> None:
    topology = cpu_api.call("PJRT_Client_TopologyDescription", client=runner.client).topology
    arguments = cpu_api.call("PJRT_TopologyDescription_Serialize", topology=topology)
    content = bytes(ffi.buffer(arguments.serialized_bytes, arguments.serialized_bytes_size))
    arguments.serialized_topology_deleter(arguments.serialized_topology)
    read = protos.CpuTopologyProto.FromString(content)

    assert unknown(read) == []
    assert read.SerializeToString() == content
    assert [device.local_hardware_id for device in read.cpu_devices] == [0, 1, 2, 3]
    assert "+64bit" in read.machine_attributes


def test_topology_holds_a_message_of_its_platform() -> None:
    topology = protos.PjRtTopologyDescriptionProto(platform_name="cpu")
    topology.platform_specific_topology.Pack(protos.CpuTopologyProto(machine_attributes=["+avx"]))
    read, inner = (
        protos.PjRtTopologyDescriptionProto.FromString(topology.SerializeToString()),
        protos.CpuTopologyProto(),
    )

    assert read.platform_specific_topology.Unpack(inner)
    assert list(inner.machine_attributes) == ["+avx"]


SHARDINGS = [
    _jax.HloSharding.replicate(),
    _jax.HloSharding.manual(),
    _jax.HloSharding.iota_tile((2, 1, 4), (2, 4), (1, 0), [_jax.OpSharding.Type.REPLICATED]),
    jax.sharding.NamedSharding(jax.make_mesh((1,), ("x",)), jax.sharding.PartitionSpec("x"))._to_xla_hlo_sharding(2),
]


@pytest.mark.parametrize("sharding", SHARDINGS, ids=str)
def test_sharding_of_xla_round_trips(sharding: Any) -> None:
    content = sharding.to_proto().SerializeToString()
    read = protos.OpSharding.FromString(content)

    assert unknown(read) == []
    assert read.SerializeToString() == content
    assert read.type == sharding.to_proto().type.value


H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84942979072
  shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
"""


def test_gpu_target_is_read_from_text() -> None:
    target = text_format.Parse(H100, protos.GpuTargetConfigProto())

    assert target.platform_name == "CUDA"
    assert target.gpu_device_info.core_count == 132
    assert target.gpu_device_info.device_memory_size == 84942979072
    assert target.gpu_device_info.WhichOneof("compute_capability") == "cuda_compute_capability"
    assert text_format.Parse(text_format.MessageToString(target), protos.GpuTargetConfigProto()) == target


def test_memory_statistics_round_trip() -> None:
    metadata = protos.PjRtExecutableMetadata()
    metadata.compiled_memory_stats.argument_size_in_bytes = 24
    metadata.compiled_memory_stats.peak_memory_in_bytes = 48

    assert protos.PjRtExecutableMetadata.FromString(metadata.SerializeToString()) == metadata
    # Field 1 of the metadata; in it, fields 2 and 14.
    assert metadata.SerializeToString() == b"\x0a\x04\x10\x18\x70\x30"


PROFILE = """
import sys
import jax.numpy
from jaxlib import _profiler
options = _profiler.ProfileOptions()
session = _profiler.ProfilerSession(options)
jax.numpy.ones(4).sum().block_until_ready()
sys.stdout.buffer.write(session.stop())
"""


def test_profile_of_xla_is_read() -> None:
    content = subprocess.run([sys.executable, "-c", PROFILE], capture_output=True, check=True).stdout
    space = protos.XSpace.FromString(content)
    host = next(plane for plane in space.planes if plane.name == "/host:CPU")
    names = {host.event_metadata[event.metadata_id].name for line in host.lines for event in line.events}

    assert unknown(space) == []
    assert any("ExecuteReplicated" in name or "PjRt" in name or "Execute" in name for name in names)
    assert protos.XSpace.FromString(space.SerializeToString()) == space


integers = st.integers(min_value=0, max_value=2**31 - 1)
shapes = st.builds(
    protos.ShapeProto,
    element_type=st.sampled_from(protos.PrimitiveType.values()),
    dimensions=st.lists(integers, max_size=4),
    layout=st.builds(
        protos.LayoutProto,
        minor_to_major=st.lists(integers, max_size=4),
        tiles=st.lists(st.builds(protos.TileProto, dimensions=st.lists(integers, max_size=3)), max_size=2),
        memory_space=integers,
    ),
    is_dynamic_dimension=st.lists(st.booleans(), max_size=4),
)


@given(shapes)
def test_shape_round_trips(shape: protos.ShapeProto) -> None:
    assert protos.ShapeProto.FromString(shape.SerializeToString()) == shape


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.floats(allow_nan=False), max_size=4))
def test_flag_overrides_round_trip(flags: dict[str, float]) -> None:
    options = protos.CompileOptionsProto()
    for name, value in flags.items():
        options.env_option_overrides[name].double_field = value
    read = protos.CompileOptionsProto.FromString(options.SerializeToString())

    assert {name: override.double_field for name, override in read.env_option_overrides.items()} == flags


def test_every_exported_name_is_a_message_or_an_enumeration() -> None:
    for name in protos.__all__:
        assert hasattr(getattr(protos, name), "DESCRIPTOR"), name
