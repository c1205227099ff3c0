"""Checks of what extensions do, beyond having their functions."""

from __future__ import annotations

import numpy

from ryft_pjrt.conformance.checks import Context, check, expect, expect_equal
from ryft_pjrt.conformance.plugin_checks import program_for_topology, topology_of
from ryft_pjrt.extensions import (
    abi_versions,
    executable_metadata,
    ffi,
    host_allocator,
    host_memory_allocator,
    layouts,
    memory_descriptions,
    profiler,
    shardings,
    stream,
)
from ryft_pjrt.extensions.raw_buffers import RawBuffer

__all__: list[str] = []

_CALL = """
module @call {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %0 = stablehlo.custom_call @ryft_conformance(%x) {api_version = 4 : i32, backend_config = {factor = 3 : i64}}
        : (tensor<8xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}
"""


def _platform(context: Context) -> str:
    return {"gpu": "CUDA", "cpu": "Host"}.get(context.plugin.platform or "", "Host")


@check("extensions", "FFI: handler in Python")
def _handler(context: Context) -> str:
    seen: list[str] = []

    def handle(call: ffi.HandlerCall) -> None:
        if call.platform == "Host":
            numpy.multiply(call.operands[0], call.attributes["factor"], out=call.results[0])
        seen.append(f"called on device {call.device_ordinal}")

    client = context.client
    ffi.register_python_handler(client, "ryft_conformance", handle, platform=_platform(context))
    result = numpy.asarray(client.compile(_CALL)(context.eight()))
    expect(seen, "the handler was not called")
    if context.plugin.platform == "cpu":
        expect_equal(result, 3 * numpy.arange(8, dtype=numpy.float32), "the result")
    return seen[0]


@check("extensions", "FFI: type")
def _type(context: Context) -> str:
    number = ffi.register_type(context.plugin, "ryft_conformance")
    expect(number > 0, f"the number of a type is {number}")
    return str(number)


@check("extensions", "layouts: default")
def _default_layout(context: Context) -> str:
    return str(layouts.default_layout(topology_of(context), "float32", (256, 128)))


@check("extensions", "layouts: of a program")
def _program_layouts(context: Context) -> str:
    with program_for_topology(context) as executable:
        (layout,) = layouts.output_layouts(executable)
        expect_equal(layout.minor_to_major, (0,), "the order of dimensions")
        return str(layout)


@check("extensions", "memory descriptions")
def _memory_descriptions(context: Context) -> str:
    device = topology_of(context).device_descriptions[0]
    return ", ".join(memory.kind for memory in memory_descriptions.memory_descriptions(device))


@check("extensions", "shardings")
def _shardings(context: Context) -> str:
    with program_for_topology(context) as executable:
        found = shardings.parameter_shardings(executable)
        expect(found is None or len(found) == 2, "there is not one sharding for each parameter")
        return "the plugin cannot tell" if found is None else f"{len(found)} shardings"


@check("extensions", "executable metadata")
def _metadata(context: Context) -> str:
    with program_for_topology(context) as executable:
        statistics = executable_metadata.executable_metadata(executable).compiled_memory_stats
        return f"{statistics.output_size_in_bytes} bytes out"


@check("extensions", "ABI version of a program")
def _executable_version(context: Context) -> str:
    with program_for_topology(context) as executable:
        version = abi_versions.executable_abi_version(executable)
        copy = abi_versions.ExecutableAbiVersion.deserialize(context.plugin, version.serialize())
        expect_equal(copy.platform_id, version.platform_id, "the platform")
        return str(version.platform_id)


@check("extensions", "ABI version of the runtime")
def _runtime_version(context: Context) -> None:
    runtime = abi_versions.runtime_abi_version(context.client)
    runtime.check_compatible(runtime)
    runtime.check_compatible(abi_versions.executable_abi_version(context.add))


@check("extensions", "profiler")
def _profiler(context: Context) -> str:
    with profiler.Profiler(context.client) as own:
        own.start()
        _ = numpy.asarray(context.add(context.eight(), context.eight()))
        own.stop()
        return ", ".join(plane.name for plane in own.collect().planes)


@check("extensions", "stream")
def _stream(context: Context) -> None:
    buffer = context.eight()
    stream.wait_until_ready_on_stream(buffer, stream.stream_for_external_ready_events(buffer.device))


@check("extensions", "raw buffer")
def _raw_buffer(context: Context) -> None:
    with RawBuffer(context.eight()) as raw:
        data = raw.copy_to_host(0, 32).wait(60)
        expect_equal(data.view(numpy.float32), numpy.arange(8, dtype=numpy.float32), "the bytes")


@check("extensions", "host allocator")
def _host_allocator(context: Context) -> None:
    with host_allocator.allocate_host_memory(context.client, 4096) as memory:
        memory.array()[:] = 7


@check("extensions", "host memory allocator")
def _host_memory_allocator(context: Context) -> None:
    with host_memory_allocator.allocate_host_memory(context.client, 4096) as memory:
        memory.array()[:] = 7
