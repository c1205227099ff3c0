"""The extensions: looking them up, calling their functions, and what happens where they are missing or too short."""

from __future__ import annotations

import pytest

from ryft_xla_sys import errors
from ryft_xla_sys.api import Api, load_api
from ryft_xla_sys.extensions import EXTENSIONS, call_profiler
from ryft_xla_sys.ffi import NULL, ffi, lib


@pytest.mark.parametrize("name", EXTENSIONS)
def test_extension_is_described_as_it_is_declared(name: str) -> None:
    description = EXTENSIONS[name]

    assert description.name == name
    assert description.kind == getattr(lib, f"PJRT_Extension_Type_{name}")
    assert ffi.typeof(description.struct).fields[0][0] == "base"


def test_every_extension_type_is_described() -> None:
    types = ffi.typeof("PJRT_Extension_Type").relements
    names = {name.removeprefix("PJRT_Extension_Type_") for name in types}

    assert names - EXTENSIONS.keys() == {"Example", "Unknown"}


def test_extensions_are_found_by_their_type(cpu_api: Api) -> None:
    assert set(cpu_api.extensions()) == {4, 5, 6, 9}
    assert cpu_api.extension(4).struct_size == 72
    assert cpu_api.extension(25) is None


def test_extension_table_is_looked_up_once(cpu_api: Api) -> None:
    assert cpu_api.extension_table("Layouts") is cpu_api.extension_table("Layouts")


def test_call_extension_calls_the_function(cpu_api: Api, runner: object) -> None:
    layout = cpu_api.call_extension(
        "Layouts",
        "PJRT_Layouts_PJRT_Client_GetDefaultLayout",
        client=runner.client,
        type=lib.PJRT_Buffer_Type_F32,
        dims=ffi.new("int64_t[]", [2, 3, 4]),
        num_dims=3,
    ).layout
    serialized = cpu_api.call_extension("Layouts", "PJRT_Layouts_MemoryLayout_Serialize", layout=layout)
    content = bytes(ffi.buffer(serialized.serialized_bytes, serialized.serialized_bytes_size))
    serialized.serialized_layout_deleter(serialized.serialized_layout)
    cpu_api.call_extension("Layouts", "PJRT_Layouts_MemoryLayout_Destroy", layout=layout)

    assert content == b"{2,1,0}"


def test_call_extension_raises_the_error_of_the_plugin(fake_api: Api) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="no executable") as caught:
        fake_api.call_extension("ExecutableMetadata", "get_executable_metadata")

    assert caught.value.function == "ExecutableMetadata.get_executable_metadata"


def test_call_extension_refuses_an_extension_that_the_plugin_lacks(cpu_api: Api) -> None:
    message = "extension `Shardings` is not implemented by plugin .* which has PJRT API 0.81 .*built for 0.115"

    with pytest.raises(errors.UnimplementedError, match=message):
        cpu_api.call_extension("Shardings", "PJRT_Shardings_PJRT_Executable_OutputShardings")


def test_call_extension_refuses_a_function_beyond_the_struct_of_the_plugin(cpu_api: Api) -> None:
    name = "PJRT_Layouts_PJRT_Executable_GetParameterLayouts"

    with pytest.raises(errors.UnimplementedError, match=f"`{name}` of extension `Layouts` is not implemented"):
        cpu_api.call_extension("Layouts", name)


def test_call_extension_refuses_a_null_function(cpu_api: Api) -> None:
    with pytest.raises(errors.UnimplementedError, match="`phase_compile_get_compiler` of extension `PhaseCompile`"):
        cpu_api.extension_function("PhaseCompile", "phase_compile_get_compiler")


def test_call_extension_rejects_names_that_do_not_exist(cpu_api: Api) -> None:
    with pytest.raises(AttributeError, match="`Nonsense` is not an extension of the PJRT C API that Ryft knows"):
        cpu_api.call_extension("Nonsense", "sing")
    with pytest.raises(AttributeError, match="`PJRT_Layouts_Extension` has no function `sing`"):
        cpu_api.call_extension("Layouts", "sing")


def test_call_extension_passes_no_size_where_the_struct_has_none(fake_api: Api) -> None:
    executable = ffi.cast("PJRT_Executable *", 1)
    metadata = fake_api.call_extension("ExecutableMetadata", "get_executable_metadata", executable=executable).metadata
    content = bytes(ffi.buffer(metadata.serialized_metadata, metadata.serialized_metadata_size))
    fake_api.call_extension("ExecutableMetadata", "destroy_serialized_metadata", metadata=metadata)

    assert content == b"bytes"


def test_call_extension_calls_a_function_that_cannot_fail(fake_api: Api) -> None:
    arguments = fake_api.call_extension("PhaseCompile", "phase_compile_destroy_compiler")

    assert arguments.struct_size == 4321


def test_extension_with_an_older_layout_is_refused(build_plugin: object) -> None:
    api = load_api(build_plugin("older", "MINOR_VERSION=104"))
    with pytest.raises(
        errors.UnimplementedError, match="the present layout of extension `CrossHostTransfers`"
    ) as caught:
        api.extension_table("CrossHostTransfers")

    assert caught.value.__notes__ == ["hint: plugins with PJRT API 0.114 or newer have that layout"]


def test_extension_with_the_present_layout_is_found(fake_api: Api) -> None:
    assert fake_api.extension_table("CrossHostTransfers").base.struct_size == 56


def test_profiler_function_is_called(fake_api: Api) -> None:
    options = ffi.new("char[]", b"options")

    assert call_profiler(fake_api, "Create", options=options, options_size=7).profiler != NULL


def test_profiler_error_becomes_an_exception(fake_api: Api) -> None:
    with pytest.raises(errors.NotFoundError, match="no options") as caught:
        call_profiler(fake_api, "Create")

    assert caught.value.function == "PLUGIN_Profiler_Create"


@pytest.mark.parametrize("name", ["Start", "Serialize"])
def test_profiler_function_that_is_missing_is_refused(fake_api: Api, name: str) -> None:
    message = (
        f"`PLUGIN_Profiler_{name}` of extension `Profiler` is not implemented by plugin .* which has PJRT API .*built"
    )
    with pytest.raises(errors.UnimplementedError, match=message):
        call_profiler(fake_api, name)


def test_profiler_function_that_does_not_exist_is_refused(fake_api: Api) -> None:
    with pytest.raises(AttributeError, match="the profiler has no function `PLUGIN_Profiler_Sing`"):
        call_profiler(fake_api, "Sing")


def test_profiler_is_refused_where_there_is_none(cpu_api: Api) -> None:
    with pytest.raises(errors.UnimplementedError, match="extension `Profiler` is not implemented"):
        call_profiler(cpu_api, "Create")
