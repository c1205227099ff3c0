"""The build of the compiled module: which header it reads, and what it makes of a newer one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ryft_xla_sys.ffi import ffi, lib

HOOK = Path(__file__).parents[2] / "packages" / "ryft-xla-sys" / "hatch_build.py"
LOAD = """
import importlib.util, sys
specification = importlib.util.spec_from_file_location("ryft_xla_sys._native", sys.argv[1])
module = importlib.util.module_from_spec(specification)
specification.loader.exec_module(module)
print(module.lib.ryft_header_api_minor, module.ffi.sizeof("PJRT_Api"), module.lib.PJRT_Client_Sing_Args_STRUCT_SIZE)
"""


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    specification = importlib.util.spec_from_file_location("native_build_hook", HOOK)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_header_comes_from_the_distribution_of_the_cpu_plugin(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RYFT_XLA_SYS_PJRT_HEADER", raising=False)

    assert hook.header_path().parts[-3:] == ("xla_cpu_pjrt", "include", "pjrt_c_api.h")
    assert hook.header_path().is_file()


def test_header_can_be_named(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_PJRT_HEADER", "/somewhere/pjrt_c_api.h")

    assert hook.header_path() == Path("/somewhere/pjrt_c_api.h")


def missing_package(name: str) -> None:
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("find", [lambda name: None, missing_package], ids=["plugin", "package"])
def test_header_that_cannot_be_found_is_an_error(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch, find: Callable[[str], None]
) -> None:
    monkeypatch.delenv("RYFT_XLA_SYS_PJRT_HEADER", raising=False)
    monkeypatch.setattr(hook.importlib.util, "find_spec", find)

    with pytest.raises(
        RuntimeError, match=r"install the distribution `xla-cpu-pjrt`.* or set RYFT_XLA_SYS_PJRT_HEADER"
    ):
        hook.header_path()


def test_declarations_have_no_directives_and_leave_sizes_to_the_compiler(hook: ModuleType) -> None:
    header = (
        '#include "other.h"\n#define TYPE int\n'
        "#ifdef RYFT_CFFI_DECLARATIONS\nTYPE only_for_cffi(void);\n#else\nTYPE only_for_c(void);\n#endif\n"
        "enum { X_STRUCT_SIZE = (4 + 4) };\n"
    )

    lines = hook.declarations(header).split("\n")

    assert [line for line in lines if line] == ["int only_for_cffi(void);", "enum { X_STRUCT_SIZE = ... };"]


def test_module_has_our_own_units() -> None:
    assert lib.RYFT_FFI_NEWEST_MINOR == 3
    assert ffi.addressof(lib, "ryft_ffi_callback") != ffi.NULL


@pytest.mark.slow
def test_module_is_built_from_a_newer_header(hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    appended = (
        "#define PJRT_API_MINOR 200\n\n"
        "struct PJRT_Client_Sing_Args {\n  size_t struct_size;\n  PJRT_Client *client;\n};\n"
        "PJRT_DEFINE_STRUCT_TRAITS(PJRT_Client_Sing_Args, client);\n"
        "typedef PJRT_Error *PJRT_Client_Sing(PJRT_Client_Sing_Args *args);\n\n"
        "struct appended_to_PJRT_Api {\n  _PJRT_API_STRUCT_FIELD(PJRT_Client_Sing);\n};\n"
    )
    monkeypatch.delenv("RYFT_XLA_SYS_PJRT_HEADER", raising=False)
    current = hook.merge_appended(
        hook.header_path().read_text(), (hook.NATIVE / "appended" / "pjrt_c_api.h").read_text()
    )
    newer = tmp_path / "newer.h"
    newer.write_text(hook.merge_appended(current, appended))
    monkeypatch.setenv("RYFT_XLA_SYS_PJRT_HEADER", str(newer))
    build = tmp_path / "build"
    build.mkdir()

    path = hook.compile_module(build)
    output = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=True).stdout

    assert output.split() == ["200", "1152", "16"]
