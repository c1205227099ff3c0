"""Compiles for devices that this machine does not have, with the plugin that is named, and prints what it found."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import ryft_pjrt as pjrt
from ryft_pjrt.conformance.plugin_checks import TOPOLOGIES
from ryft_pjrt.errors import PjrtError, PluginError
from ryft_pjrt.extensions import (
    abi_versions,
    custom_partitioners,
    executable_metadata,
    layouts,
    megascale,
    memory_descriptions,
    phase_compile,
    profiler,
    shardings,
    tpu_executables,
    tpu_topology,
    triton,
)
from ryft_xla_sys.protos import OpSharding, ShapeProto

MATRIX = """module @matrix {
  func.func @main(%x: tensor<256x128xf32> {mhlo.sharding = "{devices=[N,1]<=[N]}"},
                  %y: tensor<128x256xf32> {mhlo.sharding = "{replicated}"}) -> tensor<256x256xf32> {
    %0 = stablehlo.dot_general %x, %y, contracting_dims = [1] x [0]
        : (tensor<256x128xf32>, tensor<128x256xf32>) -> tensor<256x256xf32>
    return %0 : tensor<256x256xf32>
  }
}"""
CALL = """module @call {
  func.func @main(%x: tensor<8xf32> {mhlo.sharding = "{devices=[2]<=[2]}"})
      -> (tensor<8xf32> {mhlo.sharding = "{devices=[2]<=[2]}"}) {
    %0 = stablehlo.custom_call @ryft_doubles(%x) {api_version = 2 : i32, backend_config = "hello"}
        : (tensor<8xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}"""
PART = b"""module { func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = stablehlo.add %x, %x : tensor<4xf32>
  return %0 : tensor<4xf32>
} }"""
KERNEL = """module { tt.func public @kernel(%a: !tt.ptr<f32>) {
  %one = arith.constant 1.0 : f32
  tt.store %a, %one : !tt.ptr<f32>
  tt.return
} }"""


class Partitioner:
    """Partitioner whose calls double their operand, on each device a part of it."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def partition(
        self, operands: list[custom_partitioners.Operand], result: custom_partitioners.Operand, configuration: bytes
    ) -> custom_partitioners.Partition:
        (operand,) = operands
        assert operand.sharding is not None
        sharding = OpSharding.FromString(operand.sharding)
        shape = ShapeProto.FromString(operand.shape)
        self.asked.append([list(shape.dimensions), list(sharding.tile_assignment_dimensions), configuration.decode()])
        return custom_partitioners.Partition(PART, [operand.sharding], operand.sharding)

    def infer_sharding(self, operands: Any, result_shape: bytes, configuration: bytes) -> bytes | None:
        return operands[0].sharding

    def propagate_user_sharding(self, result_shape: bytes, sharding: bytes, configuration: bytes) -> bytes:
        return sharding


def options(topology: pjrt.Topology) -> pjrt.CompilationOptions:
    ids = [description.id for description in topology.device_descriptions]
    return pjrt.CompilationOptions(
        executable_build_options=pjrt.ExecutableCompilationOptions(
            partition_count=len(ids),
            use_spmd_partitioning=len(ids) > 1,
            device_assignment=pjrt.DeviceAssignment([ids]),
        )
    )


def error_of(function: Callable[[], object]) -> str:
    try:
        function()
    except PjrtError as error:
        return type(error).__name__
    return "nothing failed"


def facts_about_both(plugin: pjrt.Plugin, topology: pjrt.Topology) -> dict[str, Any]:
    start = time.perf_counter()
    count = len(topology.device_descriptions)
    executable = plugin.compile(MATRIX.replace("N", str(count)), topology, options(topology))
    seconds = time.perf_counter() - start
    version = abi_versions.executable_abi_version(executable)
    copy = abi_versions.ExecutableAbiVersion.deserialize(plugin, version.serialize())
    device = topology.device_descriptions[0]
    sharding = shardings.parameter_shardings(executable)
    return {
        "devices": [count, device.kind],
        "seconds": seconds,
        "serialized": len(executable.serialize()),
        "outputs": list(map(str, executable.output_types)),
        "parameters": list(map(str, executable.parameter_types)),
        "partitions": executable.compilation_options().executable_build_options.num_partitions,
        "output bytes": executable.memory_statistics().device_output_size_in_bytes,
        "memory kinds": [executable.parameter_memory_kinds, executable.output_memory_kinds],
        "default layout": str(layouts.default_layout(topology, "bfloat16", (256, 128))),
        "output layouts": list(map(str, layouts.output_layouts(executable))),
        "parameter layouts": list(map(str, layouts.parameter_layouts(executable))),
        "memories": [memory.kind for memory in memory_descriptions.memory_descriptions(device)],
        "shardings": None if sharding is None else [list(each.tile_assignment_dimensions) for each in sharding],
        "version": [copy.platform_id == version.platform_id, copy.proto() == version.proto()],
        "profiler": repr(profiler.Profiler(plugin)),
        "error": error_of(lambda: plugin.compile("nonsense", topology, options(topology))),
        "client": error_of(plugin.client),
    }


def facts_about_tpus(plugin: pjrt.Plugin, topology: pjrt.Topology) -> dict[str, Any]:
    executable = plugin.compile(MATRIX.replace("N", "4"), topology, options(topology))
    seen = tpu_topology.TpuTopology(topology)
    with seen.subslice((1, 1, 1), (1, 1, 1)) as part, megascale.compilation_configuration(topology, 2) as slices:
        module = tpu_executables.hlo_module_with_config(executable)
        target = tpu_executables.target_arguments(executable)
        metadata = executable_metadata.executable_metadata(executable)
        return {
            "bounds": [seen.chip_bounds, seen.process_bounds, seen.chips_per_process_bounds],
            "counts": [seen.chip_count, seen.core_count, seen.logical_device_count, seen.process_count],
            "processes": [seen.process_ids, seen.logical_device_ids(0), seen.process_coordinates(0)],
            "places": [seen.chip_coordinates(device) for device in range(4)],
            "chips": [seen.chip_id((1, 1, 0)), seen.logical_device_id((0, 1, 0), 0), seen.process_of_chip(3)],
            "routing": seen.routing_strategy,
            "part": [len(part.device_descriptions), seen.subslice_device_id(part, (1, 1, 0), 3)],
            "metadata": metadata.compiled_memory_stats.output_size_in_bytes,
            "statistics": tpu_executables.compiled_memory_statistics(executable).output_size_in_bytes,
            "flops": tpu_executables.cost_analysis(plugin, target, [module])["flops"],
            "environment": len(tpu_executables.set_compilation_environment(plugin, b"")),
            "phases": phase_compile.PhaseCompiler(plugin).phase_names(),
            "device": megascale.device_id(plugin, megascale.megascale_id(plugin, 1, 3)),
            "slices": [slices.slice_count, sorted(slices.devices_per_slice.items()), len(slices.serialize()) > 0],
            "no such platform": error_of(lambda: tpu_topology.platform_configuration(plugin, "nonsense")),
        }


def facts_about_gpus(plugin: pjrt.Plugin) -> dict[str, Any]:
    name, given = TOPOLOGIES["gpu"]
    pair = plugin.topology(name, {**given, "topology": "1x1x2"})
    partitioner = Partitioner()
    custom_partitioners.register_custom_partitioner(plugin, "ryft_doubles", partitioner)
    executable = plugin.compile(CALL, pair, options(pair))
    kernel = triton.compile_triton_kernel(plugin, KERNEL, "9.0")
    return {
        "asked": partitioner.asked,
        "partitioned": list(map(str, executable.parameter_types)),
        "kernel": [".visible .entry kernel" in kernel.assembly.decode(), "sm_90" in kernel.assembly.decode()],
        "malformed kernel": error_of(lambda: triton.compile_triton_kernel(plugin, "nonsense", "9.0")),
    }


def main() -> None:
    load = {"tpu": pjrt.load_tpu_plugin, "cuda": pjrt.load_cuda_13_plugin}[sys.argv[1]]
    try:
        plugin = load()
    except PluginError as error:
        print(json.dumps({"skip": str(error)}))
        return
    topology = plugin.topology(*TOPOLOGIES[plugin.platform])
    facts = facts_about_both(plugin, topology)
    facts |= facts_about_tpus(plugin, topology) if plugin.platform == "tpu" else facts_about_gpus(plugin)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
