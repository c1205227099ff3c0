"""The declarations against C: what a compiler says of the headers that are there, and measured layouts of the rest."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ryft_xla_sys.ffi import ffi, lib
from ryft_xla_sys.versions import FIELD_MINORS

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "packages" / "ryft-xla-sys" / "native"
LAYOUTS = Path(__file__).parent / "data" / "layouts.txt"


def load_tool() -> ModuleType:
    specification = importlib.util.spec_from_file_location("check_abi", ROOT / "tools" / "check_abi.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["check_abi"] = module
    specification.loader.exec_module(module)
    return module


check_abi = load_tool()
hook = check_abi.load_build_hook()


def package_file(package: str, *parts: str) -> Path:
    specification = importlib.util.find_spec(package)
    assert specification is not None
    assert specification.submodule_search_locations
    return Path(specification.submodule_search_locations[0]).joinpath(*parts)


PJRT_HEADER = package_file("xla_plugins.xla_cpu_pjrt", "include", "pjrt_c_api.h")
FFI_HEADER = package_file("jaxlib", "include", "xla", "ffi", "api", "c_api.h")


def struct_fields(name: str) -> list[str]:
    return [field for field, _ in ffi.typeof(name).fields]


def measure(header: Path, directory: Path) -> dict[str, tuple[int, list[tuple[str, int]]]]:
    """Returns the size and the field offsets of every struct of a header, as the C compiler computes them."""
    newer = check_abi.parse_headers([header.read_text()])
    names = {name: kind for name, kind in check_abi._types(newer) if kind.kind == "struct"}
    lines = [f'#include "{header}"', "#include <stdio.h>", "int main(void) {"]
    for name, kind in names.items():
        lines.append(f'  printf("{name} %zu\\n", sizeof({name}));')
        lines += [f'  printf("{name}.{field} %zu\\n", offsetof({name}, {field}));' for field, _ in kind.fields]
    source, program = directory / "measure.c", directory / "measure"
    source.write_text("\n".join([*lines, "}"]))
    subprocess.run(["cc", "-o", str(program), str(source)], check=True)
    result: dict[str, tuple[int, list[tuple[str, int]]]] = {}
    for line in subprocess.run([str(program)], check=True, capture_output=True, text=True).stdout.splitlines():
        name, number = line.split()
        struct, _, field = name.partition(".")
        if field:
            result[struct][1].append((field, int(number)))
        else:
            result[struct] = (int(number), [])
    return result


def test_pjrt_structs_have_the_layout_that_the_compiler_computes(tmp_path: Path) -> None:
    measured = measure(PJRT_HEADER, tmp_path)
    appended = {struct for struct, _ in FIELD_MINORS} | {"PJRT_Api"}

    assert len(measured) > 130
    for name, (size, fields) in measured.items():
        declared = [(field, description.offset) for field, description in ffi.typeof(name).fields]
        if name in appended:
            assert declared[: len(fields)] == fields, name
            assert len(declared) > len(fields), name
        else:
            assert declared == fields, name
            assert ffi.sizeof(name) == size, name


def test_ffi_structs_have_the_layout_that_the_compiler_computes(tmp_path: Path) -> None:
    measured = measure(FFI_HEADER, tmp_path)

    assert len(measured) > 30
    for name, (size, fields) in measured.items():
        assert [(field, description.offset) for field, description in ffi.typeof(name).fields] == fields, name
        assert ffi.sizeof(name) == size, name


def layouts() -> list[list[str]]:
    return [line.split() for line in LAYOUTS.read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout[0])
def test_struct_has_the_measured_layout(layout: list[str]) -> None:
    name, size, struct_size, *fields = layout

    assert [f"{field}@{description.offset}" for field, description in ffi.typeof(name).fields] == fields
    assert ffi.sizeof(name) == int(size)
    assert getattr(lib, f"{name}_STRUCT_SIZE") == int(struct_size)


def test_every_declared_extension_struct_is_measured() -> None:
    known = {layout[0] for layout in layouts()}
    headers = "".join(path.read_text() for path in NATIVE.glob("extensions/*.h"))
    declared = {line.split()[1] for line in headers.splitlines() if line.startswith("struct ")}

    assert declared <= known


@pytest.mark.parametrize(
    ("struct", "struct_size"),
    [
        ("PJRT_Api", 1144),
        ("PJRT_Device_MemoryStats_Args", 201),
        ("PJRT_ExecuteOptions", 144),
        ("PJRT_Executable_GetCompiledMemoryStats_Args", 144),
        ("PJRT_Executable_DeserializeAndLoad_Args", 72),
    ],
)
def test_struct_that_grew_has_its_new_size(struct: str, struct_size: int) -> None:
    assert getattr(lib, f"{struct}_STRUCT_SIZE") == struct_size


def test_enumerations_have_the_values_of_the_newest_api() -> None:
    types = {
        name.removeprefix("PJRT_Buffer_Type_"): code for name, code in ffi.typeof("PJRT_Buffer_Type").relements.items()
    }
    kinds = ffi.typeof("PJRT_Extension_Type").relements

    assert types["F32"] == 11
    assert [types[name] for name in ("S1", "U1", "F6E2M3FN", "F6E3M2FN")] == [30, 31, 32, 33]
    assert kinds["PJRT_Extension_Type_TpuTopology"] == 16
    assert kinds["PJRT_Extension_Type_Rma"] == 25


def merged_header() -> str:
    return hook.merge_appended(PJRT_HEADER.read_text(), (NATIVE / "appended" / "pjrt_c_api.h").read_text())


def test_merging_what_was_appended_twice_changes_nothing() -> None:
    merged = merged_header()

    assert hook.merge_appended(merged, (NATIVE / "appended" / "pjrt_c_api.h").read_text()) == merged


def test_merging_into_a_header_without_the_struct_fails() -> None:
    appended = "#define PJRT_API_MINOR 90\n\nstruct appended_to_PJRT_Missing {\n  int a;  // 0.90\n};\n"

    with pytest.raises(RuntimeError, match="has no struct or enumeration `PJRT_Missing` to append to"):
        hook.merge_appended(PJRT_HEADER.read_text(), appended)


def test_merging_appends_to_an_enumeration_without_a_trailing_comma() -> None:
    enumeration = "typedef enum {\n  A = 0,\n  B = 1  // Last.\n} E;\n"
    header = f"#define PJRT_API_MINOR 1\nstruct PJRT_ExecuteOptions {{\n}};\n{enumeration}"
    appended = "#define PJRT_API_MINOR 2\n\nenum appended_to_E {\n  B = 1,\n  C = 2,\n};\n"

    merged = hook.merge_appended(header, appended)

    assert "  B = 1  // Last.\n  ,\n  C = 2,\n} E;" in merged
    assert "#define PJRT_API_MINOR 2\n" in merged


def test_check_abi_finds_nothing_new_in_the_declared_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pjrt_c_api.h"
    path.write_text(merged_header())

    assert check_abi.main([str(path), str(FFI_HEADER)]) == 0
    assert "nothing is new" in capsys.readouterr().out


def test_check_abi_reads_the_headers_of_extensions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pjrt_c_api.h"
    path.write_text(merged_header())

    assert check_abi.main([str(path), *map(str, NATIVE.glob("extensions/*.h"))]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["nothing is new"]


@pytest.mark.parametrize("text", ["namespace xla { class A; }", "#if\n"], ids=["c++", "preprocessor"])
def test_check_abi_says_that_it_reads_c_only(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    path, extension = tmp_path / "pjrt_c_api.h", tmp_path / "extension.h"
    path.write_text(merged_header())
    extension.write_text(text)

    assert check_abi.main([str(path), str(extension)]) == 2
    assert "the headers cannot be read as C" in capsys.readouterr().err


def test_check_abi_prints_what_a_newer_header_appended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    appended = (
        "#define PJRT_API_MINOR 120\n\n"
        "struct PJRT_Client_Sing_Args {\n  size_t struct_size;\n  PJRT_Client *client;\n};\n"
        "PJRT_DEFINE_STRUCT_TRAITS(PJRT_Client_Sing_Args, client);\n"
        "typedef PJRT_Error *PJRT_Client_Sing(PJRT_Client_Sing_Args *args);\n\n"
        "enum appended_to_PJRT_Buffer_Type {\n  PJRT_Buffer_Type_F1 = 34,\n};\n\n"
        "struct appended_to_PJRT_ExecuteOptions {\n  int32_t loudness;\n};\n\n"
        "struct appended_to_PJRT_Api {\n  _PJRT_API_STRUCT_FIELD(PJRT_Client_Sing);\n};\n"
    )
    path = tmp_path / "pjrt_c_api.h"
    path.write_text(hook.merge_appended(merged_header(), appended))

    assert check_abi.main([str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "header: PJRT API 0.120; declared: PJRT API 0.115",
        "appended: function PJRT_Client_Sing at 1144: PJRT_Error *(*)(PJRT_Client_Sing_Args *)",
        "appended: struct PJRT_Client_Sing_Args: 2 fields",
        "appended: field PJRT_ExecuteOptions.loudness at 144: int32_t",
        "appended: enumerator PJRT_Buffer_Type_F1 = 34",
    ]


def test_check_abi_reports_incompatible_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = (
        merged_header()
        .replace("  int launch_id;", "  int64_t launch_id;")
        .replace("  PJRT_Buffer_Type_TOKEN,", "  PJRT_Buffer_Type_NEW,\n  PJRT_Buffer_Type_TOKEN,")
    )
    path = tmp_path / "pjrt_c_api.h"
    path.write_text(changed)

    assert check_abi.main([str(path)]) == 1
    output = capsys.readouterr().out
    assert "changed: PJRT_ExecuteOptions.launch_id was `int` at 48, but is `int64_t` at 48" in output
    assert "changed: PJRT_Buffer_Type_TOKEN was 23, but is 24" in output


def test_check_abi_refuses_an_older_header(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_abi.main([str(PJRT_HEADER)]) == 2
    assert "older than the declarations" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", [None, b"", b"int main(void);", b"\xff\xfe"], ids=["absent", "empty", "c", "binary"]
)
def test_check_abi_refuses_what_is_not_the_header(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
) -> None:
    path = tmp_path / "header.h"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SystemExit) as info:
        check_abi.main([str(path)])
    assert info.value.code == 2
    assert ("header.h" if content != b"\xff\xfe" else "cannot read a header") in capsys.readouterr().err
