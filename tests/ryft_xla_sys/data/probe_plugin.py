"""Compiles a matrix product with a plugin whose devices this machine lacks, and prints what the plugin says, as JSON.

Run in a process of its own, because a plugin cannot be unloaded:

    probe_plugin.py PATH TOPOLOGY PARTITIONS [NAME=VALUE]...
"""

from __future__ import annotations

import json
import sys
from typing import Any

from google.protobuf import unknown_fields

import ryft_xla_sys
from ryft_xla_sys import protos
from ryft_xla_sys.api import Api
from ryft_xla_sys.errors import PjrtError
from ryft_xla_sys.extensions import EXTENSIONS
from ryft_xla_sys.ffi import NULL, ffi, lib, text

PROGRAM = """module @m attributes {mhlo.num_partitions = %d : i32, mhlo.num_replicas = 1 : i32} {
  func.func public @main(%%x: tensor<128x256xf32>, %%y: tensor<256x128xf32>) -> tensor<128x128xf32> {
    %%0 = stablehlo.dot_general %%x, %%y, contracting_dims = [1] x [0]
      : (tensor<128x256xf32>, tensor<256x128xf32>) -> tensor<128x128xf32>
    return %%0 : tensor<128x128xf32>
  }
}"""


def unknown(message: Any) -> list[str]:
    found = [f"{message.DESCRIPTOR.name}.{field.field_number}" for field in unknown_fields.UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for inner in value if field.is_repeated else [value]:
                found += unknown(inner)
    return found


def read(kind: Any, content: bytes) -> Any:
    message = kind.FromString(content)
    assert unknown(message) == []
    assert len(message.SerializeToString()) == len(content)
    return message


def create_topology(api: Api, name: str, options: list[str]) -> Any:
    values = ffi.new("PJRT_NamedValue[]", len(options))
    texts = [ffi.new("char[]", part.encode()) for option in options for part in option.split("=", 1)]
    for value, key, content in zip(values, texts[::2], texts[1::2], strict=True):
        value.struct_size, value.type = lib.PJRT_NamedValue_STRUCT_SIZE, lib.PJRT_NamedValue_kString
        value.name, value.name_size = key, len(key) - 1
        value.string_value, value.value_size = content, len(content) - 1
    name_text = ffi.new("char[]", name.encode())
    arguments = api.call(
        "PJRT_TopologyDescription_Create",
        topology_name=name_text,
        topology_name_size=len(name),
        create_options=values,
        num_options=len(options),
    )
    return arguments.topology


def compile_program(api: Api, topology: Any, program: str, partitions: int) -> Any:
    options = protos.CompileOptionsProto()
    build = options.executable_build_options
    build.device_ordinal, build.num_replicas, build.num_partitions = -1, 1, partitions
    build.use_spmd_partitioning = partitions > 1
    build.device_assignment.replica_count, build.device_assignment.computation_count = 1, partitions
    for device in range(partitions):
        build.device_assignment.computation_devices.add().replica_device_ids.append(device)
    serialized = options.SerializeToString()
    texts = [ffi.new("char[]", content) for content in (program.encode(), b"mlir", serialized)]
    pointer = ffi.new("PJRT_Program *", {"struct_size": lib.PJRT_Program_STRUCT_SIZE, "code": texts[0]})
    pointer.code_size, pointer.format, pointer.format_size = len(program.encode()), texts[1], 4
    arguments = api.call(
        "PJRT_Compile",
        topology=topology,
        program=pointer,
        compile_options=texts[2],
        compile_options_size=len(serialized),
    )
    return arguments.executable


def compile_options(api: Api, executable: Any) -> int:
    arguments = api.call("PJRT_Executable_GetCompileOptions", executable=executable)
    content = bytes(ffi.buffer(arguments.serialized_bytes, arguments.serialized_bytes_size))
    arguments.serialized_compile_options_deleter(arguments.serialized_compile_options)
    return read(protos.CompileOptionsProto, content).executable_build_options.num_partitions


def optimized_program(api: Api, executable: Any) -> str:
    program = ffi.new("PJRT_Program *", {"struct_size": lib.PJRT_Program_STRUCT_SIZE})
    api.call("PJRT_Executable_OptimizedProgram", executable=executable, program=program)
    buffer = ffi.new("char[]", program.code_size)
    program.code = buffer
    api.call("PJRT_Executable_OptimizedProgram", executable=executable, program=program)
    content = bytes(ffi.buffer(buffer, program.code_size))
    return read(protos.HloModuleProtoWithConfig, content).hlo_module.name


def serialized_topology(api: Api, topology: Any) -> str:
    arguments = api.call("PJRT_TopologyDescription_Serialize", topology=topology)
    content = bytes(ffi.buffer(arguments.serialized_bytes, arguments.serialized_bytes_size))
    arguments.serialized_topology_deleter(arguments.serialized_topology)
    return read(protos.PjRtTopologyDescriptionProto, content).platform_name


def memory_kinds(api: Api, executable: Any) -> list[str]:
    arguments = api.call("PJRT_Executable_ParameterMemoryKinds", executable=executable)
    return [text(arguments.memory_kinds[i], arguments.memory_kind_sizes[i]) for i in range(arguments.num_parameters)]


def executable_version(api: Api, executable: Any) -> bool:
    version = api.call_extension("AbiVersion", "executable_get_abi_version", executable=executable).abi_version
    arguments = api.call_extension("AbiVersion", "executable_abi_version_to_proto", abi_version=version)
    content = bytes(ffi.buffer(arguments.serialized_proto, arguments.serialized_proto_size))
    read(protos.PjRtExecutableAbiVersionProto, content)
    api.call_extension("AbiVersion", "executable_abi_version_destroy", abi_version=version)
    return bool(content)


def default_layout(api: Api, topology: Any) -> str:
    layout = api.call_extension(
        "Layouts",
        "PJRT_Layouts_PJRT_Topology_GetDefaultLayout",
        topology_description=topology,
        type=lib.PJRT_Buffer_Type_F32,
        dims=ffi.new("int64_t[]", [128, 256]),
        num_dims=2,
    ).layout
    serialized = api.call_extension("Layouts", "PJRT_Layouts_MemoryLayout_Serialize", layout=layout)
    content = text(serialized.serialized_bytes, serialized.serialized_bytes_size)
    serialized.serialized_layout_deleter(serialized.serialized_layout)
    api.call_extension("Layouts", "PJRT_Layouts_MemoryLayout_Destroy", layout=layout)
    return content


def failure(api: Api, topology: Any) -> str:
    try:
        compile_program(api, topology, "nonsense", 1)
    except PjrtError as error:
        return str(error)
    return "nothing failed"


def main() -> None:
    path, name, partitions, *options = sys.argv[1:]
    api = ryft_xla_sys.load_api(path)
    kinds = {extension.kind: extension for extension in EXTENSIONS.values()}
    topology = create_topology(api, name, options)
    executable = compile_program(api, topology, PROGRAM % int(partitions), int(partitions))
    statistics = api.call("PJRT_Executable_GetCompiledMemoryStats", executable=executable)
    facts = {
        "version": api.version,
        "table": api.pointer.struct_size,
        "null": [
            function
            for function, field in ffi.typeof("PJRT_Api").fields[3:]
            if field.offset < api.pointer.struct_size and getattr(api.pointer, function) == NULL
        ],
        "extensions": {
            kinds[kind].name: [base.struct_size, getattr(lib, f"{kinds[kind].struct}_STRUCT_SIZE")]
            for kind, base in api.extensions().items()
        },
        "compile_options": compile_options(api, executable),
        "optimized_program": optimized_program(api, executable),
        "topology": serialized_topology(api, topology),
        "fingerprint": api.call("PJRT_TopologyDescription_Fingerprint", topology=topology).fingerprint,
        "memory_kinds": memory_kinds(api, executable),
        "executable_version": executable_version(api, executable),
        "default_layout": default_layout(api, topology),
        "arguments": statistics.argument_size_in_bytes,
        "results": statistics.output_size_in_bytes,
        "total_allocation": statistics.total_allocation_bytes,
        "failure": failure(api, topology),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
