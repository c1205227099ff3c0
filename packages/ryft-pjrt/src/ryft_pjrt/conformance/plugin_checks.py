"""Checks that need no device: what the plugin says of itself, and compilation for a topology."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial

from ryft_pjrt.compilation_options import CompilationOptions, ExecutableCompilationOptions
from ryft_pjrt.conformance.checks import ADD, Context, check, expect, expect_equal, refused
from ryft_pjrt.device_assignments import DeviceAssignment
from ryft_pjrt.errors import NotFoundError, UnimplementedError
from ryft_pjrt.executables import Executable
from ryft_pjrt.topologies import Topology
from ryft_xla_sys.extensions import EXTENSIONS
from ryft_xla_sys.ffi import NULL, ffi

__all__ = ["TOPOLOGIES", "compiler_for_topologies", "program_for_topology", "topology_of"]

_H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128 block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535 block_dim_limit_z: 65535 memory_bandwidth: 3352320000000 l2_cache_size: 52428800
  clock_rate_ghz: 1.98 device_memory_size: 84942979072 shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 } registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
"""

TOPOLOGIES: Mapping[str | None, tuple[str, Mapping[str, str]]] = {
    "gpu": ("", {"target_config": _H100, "topology": "1x1x1"}),
    "tpu": ("v5e:2x2", {}),
}
"""Name and options of a topology that each platform can make without its devices."""


@check("plugin", "version")
def _version(context: Context) -> str:
    version = context.plugin.version
    expect(version.major == 0 and version.minor > 0, f"the version is {version}")
    return str(version)


@check("plugin", "attributes")
def _attributes(context: Context) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(context.plugin.attributes.items()))


@check("plugin", "functions")
def _functions(context: Context) -> str:
    api = context.plugin.api.pointer
    names = [name for name, field in ffi.typeof("PJRT_Api").fields[3:] if field.offset < api.struct_size]
    missing = [name for name in names if getattr(api, name) == NULL]
    return f"{len(names) - len(missing)} of {len(names)} functions" + (f", without {missing}" if missing else "")


@check("plugin", "extensions")
def _extensions(context: Context) -> str:
    kinds = {extension.kind: extension.name for extension in EXTENSIONS.values()}
    return ", ".join(kinds.get(kind, f"unknown {kind}") for kind in context.plugin.api.extensions())


@check("plugin", "topology of the platform")
def _topology_name(context: Context) -> str:
    return str(topology_of(context))


def _extension_check(name: str) -> Callable[[Context], str]:
    def run(context: Context) -> str:
        table = context.plugin.api.extension_table(name)
        fields = [
            (field, kind.offset)
            for field, kind in ffi.typeof(EXTENSIONS[name].struct).fields[1:]
            if kind.type.kind == "function"
        ]
        covered = [field for field, offset in fields if offset < table.base.struct_size]
        missing = [field for field in covered if getattr(table, field) == NULL]
        text = f"{len(covered) - len(missing)} of {len(fields)} functions"
        return text + (f", without {missing}" if missing else "")

    return run


for _name in EXTENSIONS:
    check("extension tables", _name)(_extension_check(_name))


def topology_of(context: Context) -> Topology:
    """Returns a topology of the platform: one without devices where the platform has some, or that of the client."""
    if context.plugin.platform not in TOPOLOGIES:
        return context.client.topology
    name, options = TOPOLOGIES[context.plugin.platform]
    return context.plugin.topology(name, options)


@check("topology", "devices")
def _topology_devices(context: Context) -> str:
    topology = topology_of(context)
    descriptions = topology.device_descriptions
    expect(descriptions, "the topology has no devices")
    expect_equal(len({description.id for description in descriptions}), len(descriptions), "the number of device ids")
    return f"{topology.platform_name}: {len(descriptions)} of {descriptions[0].kind}"


@check("topology", "attributes")
def _topology_attributes(context: Context) -> str:
    topology = topology_of(context)
    return f"{topology.platform_version}; {sorted(topology.attributes)}"


@check("topology", "fingerprint")
def _topology_fingerprint(context: Context) -> str:
    topology = topology_of(context)
    expect_equal(topology.fingerprint, topology.fingerprint, "the second fingerprint")
    return str(topology.fingerprint)


@check("topology", "serialize")
def _topology_serialize(context: Context) -> str:
    return f"{len(topology_of(context).serialize())} bytes"


@check("topology", "deserialize")
def _topology_deserialize(context: Context) -> str:
    topology = topology_of(context)
    with compiler_for_topologies(), context.plugin.deserialize_topology(topology.serialize()) as copy:
        expect_equal(len(copy.device_descriptions), len(topology.device_descriptions), "the number of devices")
        return f"{len(copy.device_descriptions)} devices"


@check("topology", "malformed bytes are an error")
def _topology_malformed(context: Context) -> str:
    return refused(partial(context.plugin.deserialize_topology, b"\xff nonsense"))


@contextmanager
def compiler_for_topologies() -> Generator[None]:
    """Says that a plugin has no compiler for topologies, where that is why something fails."""
    try:
        yield
    except NotFoundError as error:
        if "No compiler registered" not in str(error):
            raise
        raise UnimplementedError(str(error)) from error


def _options(topology: Topology) -> CompilationOptions:
    device = topology.device_descriptions[0].id
    return CompilationOptions(
        executable_build_options=ExecutableCompilationOptions(device_assignment=DeviceAssignment([[device]]))
    )


def program_for_topology(context: Context) -> Executable:
    """Returns the addition, compiled for a topology where the plugin can, else for the client."""
    topology = topology_of(context)
    try:
        with compiler_for_topologies():
            return context.plugin.compile(ADD, topology, _options(topology))
    except UnimplementedError:
        return context.client.compile(ADD).executable


@check("deviceless compilation", "compile")
def _deviceless(context: Context) -> str:
    topology = topology_of(context)
    with compiler_for_topologies(), context.plugin.compile(ADD, topology, _options(topology)) as executable:
        expect_equal(executable.output_count, 1, "the number of outputs")
        return f"{executable.name}: {len(executable.serialize())} bytes"


@check("deviceless compilation", "output types")
def _deviceless_types(context: Context) -> str:
    topology = topology_of(context)
    with compiler_for_topologies(), context.plugin.compile(ADD, topology, _options(topology)) as executable:
        expect_equal(tuple(map(str, executable.output_types)), ("f32[8]",), "the output types")
        expect_equal(tuple(map(str, executable.parameter_types)), ("f32[8]", "f32[8]"), "the parameter types")
        return ", ".join(map(str, executable.output_types))


@check("deviceless compilation", "memory statistics")
def _deviceless_memory(context: Context) -> str:
    topology = topology_of(context)
    with compiler_for_topologies(), context.plugin.compile(ADD, topology, _options(topology)) as executable:
        statistics = executable.memory_statistics()
        expect(statistics.device_output_size_in_bytes >= 32, f"the output has {statistics}")
        return f"{statistics.device_input_size_in_bytes} in, {statistics.device_output_size_in_bytes} out"


@check("deviceless compilation", "malformed program is an error")
def _deviceless_malformed(context: Context) -> str:
    with compiler_for_topologies():
        return refused(partial(context.plugin.compile, "nonsense", topology_of(context)))
