"""The call gate: loading plugins, calling their functions, and errors as exceptions."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ryft_xla_sys import errors
from ryft_xla_sys.api import HEADER_VERSION, Api, load_api
from ryft_xla_sys.ffi import NULL, ffi, lib
from ryft_xla_sys.libraries import expected_size
from ryft_xla_sys.versions import FUNCTION_MINORS


def live_errors(api: Api) -> int:
    return ctypes.CDLL(str(api.path)).fake_live_errors()


def test_call_returns_the_struct_with_the_results(cpu_api: Api) -> None:
    arguments = cpu_api.call("PJRT_Plugin_Attributes")

    names = [ffi.string(arguments.attributes[i].name) for i in range(arguments.num_attributes)]
    assert b"xla_version" in names


def test_call_raises_the_class_of_the_status_code(cpu_api: Api, runner: object) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="No matching device found for device_id 999") as caught:
        cpu_api.call("PJRT_Client_LookupDevice", client=runner.client, id=999)

    assert caught.value.function == "PJRT_Client_LookupDevice"
    assert caught.value.payload == {}


@pytest.mark.parametrize("name", FUNCTION_MINORS)
def test_call_refuses_a_function_beyond_the_table_of_the_plugin(cpu_api: Api, name: str) -> None:
    message = f"`{name}` is not implemented by plugin `{cpu_api.path.name}`, which has PJRT API 0.81 .*built for 0.115"

    with pytest.raises(errors.UnimplementedError, match=message) as caught:
        cpu_api.call(name)

    assert caught.value.function == name


def test_call_refuses_a_null_function(fake_api: Api) -> None:
    with pytest.raises(errors.UnimplementedError, match="`PJRT_Client_Create` is not implemented by plugin `fake"):
        fake_api.call("PJRT_Client_Create")


@pytest.mark.parametrize("name", ["PJRT_Client_Sing", "struct_size", "pjrt_api_version", "extension_start"])
def test_call_rejects_a_name_that_is_no_function(cpu_api: Api, name: str) -> None:
    with pytest.raises(AttributeError, match=f"`PJRT_Api` has no function `{name}`"):
        cpu_api.call(name)
    with pytest.raises(AttributeError, match="`PJRT_FFI_Extension` has no function `base`"):
        cpu_api.call_extension("FFI", "base")


def test_call_rejects_a_field_that_the_struct_does_not_have(cpu_api: Api) -> None:
    with pytest.raises(AttributeError, match="`struct PJRT_Client_Create_Args` has no field `nonsense`"):
        cpu_api.call("PJRT_Client_Create", nonsense=1)
    with pytest.raises(AttributeError, match="_Args` has no field `nonsense`"):
        cpu_api.call_extension("Layouts", "PJRT_Layouts_MemoryLayout_Destroy", nonsense=1)


def test_call_passes_the_newest_struct_size(fake_api: Api) -> None:
    assert fake_api.call("PJRT_Device_MemoryStats", device=NULL).bytes_in_use == 201


@pytest.mark.parametrize(
    "kind", sorted(errors.PJRT_ERRORS.values(), key=lambda kind: kind.code), ids=lambda k: k.__name__
)
def test_every_status_code_has_its_class(fake_api: Api, kind: type[errors.PjrtError]) -> None:
    with pytest.raises(kind, match="it failed") as caught:
        fake_api.call("PJRT_Event_Set", event=NULL, error_code=kind.code)

    assert type(caught.value) is kind
    assert isinstance(caught.value, (errors.RyftError, RuntimeError))


def test_unknown_status_code_becomes_an_unknown_error(fake_api: Api) -> None:
    with pytest.raises(errors.UnknownError, match="it failed"):
        fake_api.call("PJRT_Event_Set", event=NULL, error_code=77)


def test_error_whose_code_cannot_be_read_becomes_an_unknown_error(fake_api: Api) -> None:
    before = live_errors(fake_api)

    with pytest.raises(errors.UnknownError, match="it failed"):
        fake_api.call("PJRT_Event_Set", event=NULL, error_code=99)

    assert live_errors(fake_api) == before


def test_error_carries_its_payloads(fake_api: Api) -> None:
    with pytest.raises(errors.InternalError) as caught:
        fake_api.call("PJRT_Event_Set", event=NULL, error_code=13)

    assert caught.value.payload == {"type.example/first": b"\x00\xff", "type.example/empty": b""}


def test_errors_are_destroyed_once(fake_api: Api) -> None:
    before = live_errors(fake_api)

    for code in (3, 5, 13):
        with pytest.raises(errors.PjrtError):
            fake_api.call("PJRT_Event_Set", event=NULL, error_code=code)

    assert live_errors(fake_api) == before


def test_function_is_looked_up_once(cpu_api: Api) -> None:
    assert cpu_api.function("PJRT_Client_Create") is cpu_api.function("PJRT_Client_Create")


def test_repr_names_the_file_and_the_version(cpu_api: Api) -> None:
    assert repr(cpu_api) == f"Api(path={str(cpu_api.path)!r}, version=0.81)"


def test_declared_version_is_the_newest() -> None:
    assert HEADER_VERSION == (0, 115)
    assert max(FUNCTION_MINORS.values()) <= HEADER_VERSION[1]


def test_load_returns_the_same_api_for_the_same_file(cpu_api: Api) -> None:
    assert load_api(str(cpu_api.path)) is cpu_api


def test_load_rejects_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(errors.PluginError, match="there is no such file"):
        load_api(tmp_path / "missing.so")


@pytest.mark.parametrize("name", ["loop.so", "~nobody-of-this-name/x.so", "a\0b", "x" * 5_000])
def test_load_rejects_a_path_that_cannot_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop.so").symlink_to("loop.so")

    with pytest.raises(errors.PluginError, match="cannot load PJRT plugin"):
        load_api(name)


def test_load_in_several_threads_initializes_once(build_plugin: Callable[..., Path]) -> None:
    path = build_plugin("threads")
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: load_api(path), range(8)))

    assert len(set(map(id, loaded))) == 1


def test_load_rejects_a_file_that_is_no_library(tmp_path: Path) -> None:
    path = tmp_path / "text.so"
    path.write_text("no library")

    with pytest.raises(errors.PluginError, match=r"cannot load PJRT plugin .*text\.so"):
        load_api(path)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_load_rejects_a_truncated_library(build_plugin: Callable[..., Path], tmp_path: Path, kept: float) -> None:
    whole = build_plugin("whole").read_bytes()
    path = tmp_path / "truncated.so"
    path.write_bytes(whole[: 64 + int(kept * (len(whole) - 64))])

    # In a process of its own: the dynamic linker ends a process that loads such a file.
    code = f"from ryft_xla_sys import load_api; load_api({str(path)!r})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    expected = f"expected at least {len(whole)} bytes, but got {path.stat().st_size}\n"
    assert (result.returncode, result.stderr.endswith(expected)) == (1, True), result
    assert expected_size(build_plugin("whole")) == len(whole)


def test_expected_size_of_other_files_is_not_known(tmp_path: Path) -> None:
    for content in (b"", b"text", b"MZ" + bytes(100), b"\x7fELF\x01\x01" + bytes(100)):
        (tmp_path / "file").write_bytes(content)
        assert expected_size(tmp_path / "file") == 0


def test_load_rejects_a_library_that_is_no_plugin(build_plugin: Callable[..., Path]) -> None:
    with pytest.raises(errors.PluginError, match="it does not export the function `GetPjrtApi`"):
        load_api(build_plugin("nothing", "EXPORTS_NOTHING"))


def test_load_rejects_a_plugin_without_a_table(build_plugin: Callable[..., Path]) -> None:
    with pytest.raises(errors.PluginError, match="`GetPjrtApi` returned a null pointer"):
        load_api(build_plugin("null", "RETURNS_NULL"))


def test_load_rejects_another_major_version(build_plugin: Callable[..., Path]) -> None:
    with pytest.raises(errors.PluginError, match=r"has PJRT API 7.115, but Ryft needs major version 0"):
        load_api(build_plugin("major", "MAJOR_VERSION=7"))


def test_load_raises_the_error_of_the_initialization(build_plugin: Callable[..., Path]) -> None:
    path = build_plugin("failing", "INITIALIZE_FAILS")

    for _ in range(2):  # A plugin that failed to load is not remembered.
        with pytest.raises(errors.UnavailableError, match="no device"):
            load_api(path)


def test_import_loads_neither_protobuf_nor_the_mlir_bindings() -> None:
    code = (
        "import sys, ryft_xla_sys; print([m for m in ('google.protobuf', 'jaxlib', 'ml_dtypes') if m in sys.modules])"
    )

    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output.strip() == "[]"


def test_struct_sizes_are_constants_of_the_module() -> None:
    assert lib.PJRT_Error_Message_Args_STRUCT_SIZE == 40
