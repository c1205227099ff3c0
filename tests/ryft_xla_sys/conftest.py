"""What several tests of `ryft_xla_sys` need: the CPU plugin, a client of it, and programs to run on it."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import ryft_xla_sys
from ryft_xla_sys import protos
from ryft_xla_sys.api import Api
from ryft_xla_sys.ffi import ffi, lib

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cpu_api() -> Api:
    """The CPU plugin."""
    return ryft_xla_sys.load_api(ryft_xla_sys.find_plugin("cpu"))


class Runner:
    """Compiles and runs programs on one device of the CPU plugin, through nothing but the call gate."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.client = api.call("PJRT_Client_Create").client
        self.device = api.call("PJRT_Client_AddressableDevices", client=self.client).addressable_devices[0]

    def compile(self, program: str, options: protos.CompileOptionsProto | None = None) -> Any:
        """Returns the loaded executable of a program in MLIR."""
        if options is None:
            options = protos.CompileOptionsProto()
        build = options.executable_build_options
        build.device_ordinal, build.num_replicas, build.num_partitions = -1, 1, 1
        code, serialized = program.encode(), options.SerializeToString()
        texts = [ffi.new("char[]", code), ffi.new("char[]", b"mlir"), ffi.new("char[]", serialized)]
        program_pointer = ffi.new("PJRT_Program *", {"code": texts[0], "code_size": len(code), "format": texts[1]})
        program_pointer.struct_size, program_pointer.format_size = lib.PJRT_Program_STRUCT_SIZE, 4
        arguments = self.api.call(
            "PJRT_Client_Compile",
            client=self.client,
            program=program_pointer,
            compile_options=texts[2],
            compile_options_size=len(serialized),
        )
        return arguments.executable

    def buffer(self, array: numpy.ndarray[Any, Any], code: int) -> Any:
        """Returns a device buffer with the contents of an array."""
        arguments = self.api.call(
            "PJRT_Client_BufferFromHostBuffer",
            client=self.client,
            data=ffi.from_buffer(array),
            type=code,
            dims=ffi.new("int64_t[]", array.shape),
            num_dims=array.ndim,
            device=self.device,
            host_buffer_semantics=lib.PJRT_HostBufferSemantics_kImmutableOnlyDuringCall,
        )
        return arguments.buffer

    def run(
        self, executable: Any, buffers: list[Any], results: list[numpy.ndarray[Any, Any]], context: Any = None
    ) -> None:
        """Executes, and copies the results into `results`."""
        options = ffi.new("PJRT_ExecuteOptions *", {"struct_size": lib.PJRT_ExecuteOptions_STRUCT_SIZE})
        if context is not None:
            options.context = context
        operands, outputs = ffi.new("PJRT_Buffer *[]", buffers), ffi.new("PJRT_Buffer *[]", len(results))
        events = ffi.new("PJRT_Event *[]", 1)
        self.api.call(
            "PJRT_LoadedExecutable_Execute",
            executable=executable,
            options=options,
            argument_lists=ffi.new("PJRT_Buffer **[]", [operands]),
            num_devices=1,
            num_args=len(buffers),
            output_lists=ffi.new("PJRT_Buffer **[]", [outputs]),
            device_complete_events=events,
        )
        try:
            self.api.call("PJRT_Event_Await", event=events[0])
            for output, result in zip(outputs, results, strict=True):
                copy = self.api.call(
                    "PJRT_Buffer_ToHostBuffer", src=output, dst=ffi.from_buffer(result), dst_size=result.nbytes
                )
                self.api.call("PJRT_Event_Await", event=copy.event)
                self.api.call("PJRT_Event_Destroy", event=copy.event)
        finally:
            self.api.call("PJRT_Event_Destroy", event=events[0])
            for output in outputs:
                self.api.call("PJRT_Buffer_Destroy", buffer=output)


@pytest.fixture(scope="session")
def runner(cpu_api: Api) -> Iterator[Runner]:
    """A client of the CPU plugin."""
    runner = Runner(cpu_api)
    yield runner
    cpu_api.call("PJRT_Client_Destroy", client=runner.client)


@pytest.fixture(scope="session")
def build_plugin(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles the fake plugin, with macros that change it, and returns its path."""
    directory = tmp_path_factory.mktemp("plugins")
    native = ROOT / "packages" / "ryft-xla-sys" / "native"
    specification = importlib.util.spec_from_file_location("build_hook", native.parent / "hatch_build.py")
    assert specification is not None
    assert specification.loader is not None
    hook = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(hook)
    appended = (native / "appended" / "pjrt_c_api.h").read_text()
    (directory / "pjrt_c_api.h").write_text(hook.merge_appended(hook.header_path().read_text(), appended))

    def build(name: str, *macros: str) -> Path:
        path = directory / f"{name}.so"
        includes = [f"-I{directory}", f"-I{native}"]
        flags = ["-shared", "-fPIC", "-Wno-unused-function", *(f"-D{macro}" for macro in macros)]
        source = Path(__file__).parent / "data" / "fake_plugin.c"
        subprocess.run(["cc", *flags, *includes, "-o", str(path), str(source)], check=True)
        return path

    return build


@pytest.fixture(scope="session")
def fake_api(build_plugin: Callable[..., Path]) -> Api:
    """The fake plugin."""
    return ryft_xla_sys.load_api(build_plugin("fake"))
