"""The floor: what the plugin alone takes to execute a program, called in a loop in C."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import ryft_pjrt as pjrt
from ryft_xla_sys.ffi import CData, ffi

__all__ = ["floor"]


def floor(executable: pjrt.LoadedExecutable, buffers: Sequence[pjrt.Buffer], count: int) -> Callable[[], float]:
    """Returns a function that executes `count` times in a C loop, and returns the mean time in seconds."""
    arguments = (ctypes.c_void_p * len(buffers))(*[_address(buffer.pointer) for buffer in buffers])
    api, outputs = _address(executable.client.plugin.api.pointer), len(executable.output_types)
    return lambda: _loop()(api, _address(executable.pointer), arguments, len(buffers), outputs, count) * 1e-6


def _address(pointer: CData) -> int:
    return int(ffi.cast("uintptr_t", pointer))


@cache
def _loop() -> Any:
    """Returns the loop, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    plugin = importlib.util.find_spec("xla_plugins.xla_cpu_pjrt")
    if compiler is None or plugin is None or not plugin.submodule_search_locations:
        raise RuntimeError("the bare C loop needs a C compiler and the header that the CPU plugin's wheel ships")
    source = Path(__file__).with_name("floor.c")
    with tempfile.TemporaryDirectory() as directory:
        library = Path(directory) / "floor.so"
        include = Path(plugin.submodule_search_locations[0]) / "include"
        command = [compiler, "-O2", "-shared", "-fPIC", f"-I{include}", "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        loop = ctypes.CDLL(str(library)).execute_loop
    loop.restype = ctypes.c_double
    loop.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3]
    return loop
