"""PJRT for Python: plugins, clients, devices, buffers and executables, with ownership that is safe from Python."""

from ryft_pjrt import errors
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.client_options import (
    ClientOptions,
    CpuClientOptions,
    GpuAllocator,
    GpuClientOptions,
    GpuPlatform,
    MockGpuTopology,
    TpuClientOptions,
)
from ryft_pjrt.clients import Client
from ryft_pjrt.compilation_options import CompilationOptions, EffortLevel, ExecutableCompilationOptions, Precision
from ryft_pjrt.copies import Dependency, RawCopy
from ryft_pjrt.data_types import ArrayType, BufferType
from ryft_pjrt.debug_options import DebugOptions
from ryft_pjrt.device_assignments import DeviceAssignment
from ryft_pjrt.device_buffers import AliasFulfillment
from ryft_pjrt.devices import AsyncTrackingEvent, Device, DeviceDescription
from ryft_pjrt.errors import (
    ArgumentError,
    ArgumentTypeError,
    BufferInUseError,
    ClosedError,
    OptionError,
    PjrtError,
    PluginError,
    RyftError,
)
from ryft_pjrt.events import Event, SettableEvent
from ryft_pjrt.executable_cache import ExecutableCache
from ryft_pjrt.executables import Executable, ExecutableMemoryStatistics
from ryft_pjrt.execution import DeviceOutputs, ExecutionContext, Launcher
from ryft_pjrt.host_buffers import HostBufferSemantics, shareable_array
from ryft_pjrt.host_callbacks import CopyToDeviceStream, ReceiveCallback, SendCallback
from ryft_pjrt.key_value_stores import KeyValueStore, LocalKeyValueStore
from ryft_pjrt.layouts import BufferSpecification, Layout, StridedLayout, Tile, TiledLayout, parse_layout
from ryft_pjrt.loaded_executables import LoadedExecutable
from ryft_pjrt.memories import Memory, MemoryStatistics
from ryft_pjrt.plugins import (
    Plugin,
    load_cpu_plugin,
    load_cuda_12_plugin,
    load_cuda_13_plugin,
    load_metal_plugin,
    load_neuron_plugin,
    load_plugin,
    load_rocm_7_plugin,
    load_tpu_plugin,
)
from ryft_pjrt.processes import ProcessInformation, ProcessState
from ryft_pjrt.programs import Program
from ryft_pjrt.topologies import Topology
from ryft_pjrt.transfers import DmaMappedMemory, HostToDeviceTransferManager
from ryft_pjrt.values import Value
from ryft_pjrt.versions import VERSION, Version
from ryft_pjrt.views import DeviceMemory

__all__ = [
    "VERSION",
    "AliasFulfillment",
    "ArgumentError",
    "ArgumentTypeError",
    "ArrayType",
    "AsyncTrackingEvent",
    "Buffer",
    "BufferInUseError",
    "BufferSpecification",
    "BufferType",
    "Client",
    "ClientOptions",
    "ClosedError",
    "CompilationOptions",
    "CopyToDeviceStream",
    "CpuClientOptions",
    "Dependency",
    "Device",
    "DebugOptions",
    "DeviceAssignment",
    "DeviceDescription",
    "DeviceMemory",
    "DeviceOutputs",
    "DmaMappedMemory",
    "EffortLevel",
    "Event",
    "Executable",
    "ExecutableCache",
    "ExecutableCompilationOptions",
    "ExecutableMemoryStatistics",
    "ExecutionContext",
    "GpuAllocator",
    "GpuClientOptions",
    "GpuPlatform",
    "HostBufferSemantics",
    "HostToDeviceTransferManager",
    "KeyValueStore",
    "Launcher",
    "Layout",
    "LoadedExecutable",
    "LocalKeyValueStore",
    "Memory",
    "MemoryStatistics",
    "MockGpuTopology",
    "OptionError",
    "PjrtError",
    "Plugin",
    "PluginError",
    "Precision",
    "ProcessInformation",
    "ProcessState",
    "Program",
    "RawCopy",
    "ReceiveCallback",
    "RyftError",
    "SendCallback",
    "SettableEvent",
    "StridedLayout",
    "Tile",
    "TiledLayout",
    "Topology",
    "TpuClientOptions",
    "Value",
    "Version",
    "errors",
    "load_cpu_plugin",
    "load_cuda_12_plugin",
    "load_cuda_13_plugin",
    "load_metal_plugin",
    "load_neuron_plugin",
    "load_plugin",
    "load_rocm_7_plugin",
    "load_tpu_plugin",
    "shareable_array",
    "parse_layout",
]
