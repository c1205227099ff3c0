"""PJRT for Python: plugins, clients, devices, buffers and executables, with ownership that is safe from Python."""

from ryft_pjrt import errors
from ryft_pjrt.buffers import Buffer
from ryft_pjrt.clients import Client
from ryft_pjrt.data_types import ArrayType, BufferType
from ryft_pjrt.devices import Device, DeviceDescription
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, BufferInUseError, ClosedError, PjrtError, RyftError
from ryft_pjrt.events import Event
from ryft_pjrt.executables import Executable, LoadedExecutable
from ryft_pjrt.execution import Launcher
from ryft_pjrt.host_buffers import HostBufferSemantics
from ryft_pjrt.memories import Memory, MemoryStatistics
from ryft_pjrt.plugins import Plugin, load_cpu_plugin, load_plugin
from ryft_pjrt.programs import CompilationOptions, ExecutableCompilationOptions, Program
from ryft_pjrt.values import Value
from ryft_pjrt.versions import VERSION, Version

__all__ = [
    "VERSION",
    "ArgumentError",
    "ArgumentTypeError",
    "ArrayType",
    "Buffer",
    "BufferInUseError",
    "BufferType",
    "Client",
    "ClosedError",
    "CompilationOptions",
    "Device",
    "DeviceDescription",
    "Event",
    "Executable",
    "ExecutableCompilationOptions",
    "HostBufferSemantics",
    "Launcher",
    "LoadedExecutable",
    "Memory",
    "MemoryStatistics",
    "PjrtError",
    "Plugin",
    "Program",
    "RyftError",
    "Value",
    "Version",
    "errors",
    "load_cpu_plugin",
    "load_plugin",
]
