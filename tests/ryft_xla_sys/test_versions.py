"""The tables of versions against the declarations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ryft_xla_sys.api import HEADER_VERSION, Api
from ryft_xla_sys.extensions import EXTENSIONS
from ryft_xla_sys.ffi import ffi
from ryft_xla_sys.versions import BASE_MINOR, EXTENSION_MINORS, FIELD_MINORS, FUNCTION_MINORS

APPENDED = Path(__file__).parents[2] / "packages" / "ryft-xla-sys" / "native" / "appended" / "pjrt_c_api.h"


def test_tables_agree_with_the_comments_of_the_declarations() -> None:
    functions: dict[str, int] = {}
    fields: dict[tuple[str, str], int] = {}
    pattern = r"^struct appended_to_(\w+) \{\n(.*?)^\};"
    for struct, body in re.findall(pattern, APPENDED.read_text(), re.MULTILINE | re.DOTALL):
        for member, minor in re.findall(r"(\w+)\)?;  // 0\.(\d+)", body):
            if struct == "PJRT_Api":
                functions[member] = int(minor)
            else:
                fields[struct, member] = int(minor)

    assert functions == FUNCTION_MINORS
    assert fields.items() <= FIELD_MINORS.items()


def test_functions_were_appended_in_the_order_of_their_versions() -> None:
    names = [name for name, _ in ffi.typeof("PJRT_Api").fields]
    appended = names[names.index("PJRT_Client_CreateErrorBuffer") :]

    assert appended == list(FUNCTION_MINORS)
    assert sorted(FUNCTION_MINORS.values()) == list(FUNCTION_MINORS.values())


def test_cpu_plugin_has_the_base_version_and_none_of_what_came_later(cpu_api: Api) -> None:
    first = ffi.offsetof("PJRT_Api", "PJRT_Client_CreateErrorBuffer")

    assert cpu_api.version == (0, BASE_MINOR)
    assert cpu_api.pointer.struct_size == first


@pytest.mark.parametrize(("struct", "field"), sorted(FIELD_MINORS))
def test_every_field_that_is_listed_exists(struct: str, field: str) -> None:
    assert field in dict(ffi.typeof(struct).fields)


def test_every_version_lies_between_the_base_and_what_is_declared() -> None:
    minors = [*FUNCTION_MINORS.values(), *FIELD_MINORS.values(), *EXTENSION_MINORS.values()]

    assert all(BASE_MINOR < minor <= HEADER_VERSION[1] for minor in minors)
    assert EXTENSION_MINORS.keys() <= EXTENSIONS.keys()
