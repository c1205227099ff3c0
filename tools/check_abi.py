"""Compares the declarations of `ryft-xla-sys` with newer C headers, and prints what they appended or changed.

    python tools/check_abi.py path/to/pjrt_c_api.h [path/to/an_extension.h ...]

The first header is that of the PJRT C API; headers of extensions, or that of the XLA FFI, may follow. Needs a C
preprocessor and the build requirements of `ryft-xla-sys`. What is appended belongs into `native/appended/` or
`native/extensions/`, and into `versions.py`. The exit status is 1 if anything was changed in an incompatible way, and 2
if the header is older than the declarations, is another one, or is not C: some headers of extensions are C++.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from cffi import FFI, CDefError, FFIError

from ryft_xla_sys.api import HEADER_VERSION
from ryft_xla_sys.ffi import ffi as declared

__all__ = ["Comparison", "compare", "load_build_hook", "main", "parse_headers"]

HOOK = Path(__file__).parents[1] / "packages" / "ryft-xla-sys" / "hatch_build.py"


@dataclass
class Comparison:
    """What a newer header has.

    Attributes:
        appended: Functions, fields, structs and enumerators that are not declared here.
        changed: What differs from the declarations here, which no header of the API may do.
    """

    appended: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def load_build_hook() -> ModuleType:
    """Returns the module of the build hook of `ryft-xla-sys`, which knows how to read headers."""
    specification = importlib.util.spec_from_file_location("ryft_xla_sys_hatch_build", HOOK)
    if specification is None or specification.loader is None:
        raise RuntimeError(f"cannot load the build hook `{HOOK}`")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def parse_headers(texts: Sequence[str]) -> Any:
    """Returns the `ffi` of what the headers declare. Layouts follow from the types, so no C compiler is needed."""
    text = load_build_hook().declarations("\n".join(texts))
    text = re.sub(r"enum\s*\{\s*\w+_STRUCT_SIZE\s*=[^}]*\}\s*;", "", text)
    builder = FFI()
    builder.cdef(text)
    # Written out and read back, because the builder itself parses C again at every look-up.
    builder.set_source("newer", None)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "newer.py"
        with contextlib.redirect_stdout(io.StringIO()):  # It says which file it writes.
            builder.emit_python_code(str(path))
        content: dict[str, Any] = {}
        exec(path.read_text(), content)
    return content["ffi"]


def compare(newer: Any, older: Any = declared) -> Comparison:
    """Returns how the structs and enumerations of `newer` differ from those of `older`."""
    result = Comparison()
    for name, kind in _types(newer):
        if kind.kind == "struct":
            _compare_struct(result, name, kind, _find(older, name))
        elif kind.kind == "enum":
            _compare_enumeration(result, name, kind, _find(older, name))
    return result


def _types(builder: Any) -> Iterator[tuple[str, Any]]:
    """Yields the structs and enumerations that were declared, each once, with the name that C code uses."""
    typedefs, structs, _ = builder.list_types()
    for name in dict.fromkeys([*structs, *typedefs]):
        kind = _find(builder, name)
        if kind is not None and kind.kind in ("struct", "enum"):
            yield name, kind


def _find(builder: Any, name: str) -> Any | None:
    """Returns the type called `name`, or `None` where it is unknown, an opaque struct, or the type of a function."""
    for spelling in (name, f"struct {name}"):
        try:
            kind = builder.typeof(spelling)
        except declared.error:
            continue
        # Not `kind.fields`: cffi 2.1 aborts the process where the struct is opaque.
        try:
            builder.sizeof(kind)
        except (declared.error, ValueError):
            return None
        return kind
    return None


def _spell(kind: Any) -> str:
    """Returns a type as C text, without the tags that one header gives to a struct and another leaves out."""
    return re.sub(r"\b(struct|enum) ", "", kind.cname)


def _compare_struct(result: Comparison, name: str, newer: Any, older: Any | None) -> None:
    if older is None:
        result.appended.append(f"struct {name}: {len(newer.fields)} fields")
        return
    fields = dict(newer.fields)
    for member, description in older.fields:
        new = fields.pop(member, None)
        if new is None:
            result.changed.append(f"{name}.{member} is gone")
        elif (new.offset, _spell(new.type)) != (description.offset, _spell(description.type)):
            result.changed.append(
                f"{name}.{member} was `{_spell(description.type)}` at {description.offset}, "
                f"but is `{_spell(new.type)}` at {new.offset}"
            )
    what = "function" if name == "PJRT_Api" else "field"
    for member, description in fields.items():
        owner = "" if name == "PJRT_Api" else f"{name}."
        result.appended.append(f"{what} {owner}{member} at {description.offset}: {_spell(description.type)}")


def _compare_enumeration(result: Comparison, name: str, newer: Any, older: Any | None) -> None:
    known: dict[str, int] = older.relements if older is not None else {}
    for enumerator, value in newer.relements.items():
        if enumerator not in known:
            result.appended.append(f"enumerator {enumerator} = {value}")
        elif known[enumerator] != value:
            result.changed.append(f"{enumerator} was {known[enumerator]}, but is {value}")
    for enumerator in known.keys() - newer.relements.keys():
        result.changed.append(f"{enumerator} of {name} is gone")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("headers", nargs="+", type=Path, metavar="HEADER", help="C headers, that of PJRT first")
    headers = parser.parse_args(arguments).headers
    try:
        texts = [path.read_text() for path in headers]
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"cannot read a header: {error}")
    found = [re.search(rf"#define PJRT_API_{part} (\d+)", texts[0]) for part in ("MAJOR", "MINOR")]
    version = tuple(int(number[1]) for number in found if number is not None)
    if len(version) != 2:
        parser.error(f"`{headers[0]}` is not the header of the PJRT C API, which must come first")
    print(f"header: PJRT API {version[0]}.{version[1]}; declared: PJRT API {HEADER_VERSION[0]}.{HEADER_VERSION[1]}")
    if version < HEADER_VERSION:
        print("the header is older than the declarations", file=sys.stderr)
        return 2
    try:
        newer = parse_headers(texts)
    except (CDefError, FFIError, subprocess.CalledProcessError) as error:
        print(f"the headers cannot be read as C: {getattr(error, 'stderr', None) or error}", file=sys.stderr)
        return 2
    comparison = compare(newer)
    for line in comparison.appended:
        print(f"appended: {line}")
    for line in comparison.changed:
        print(f"changed: {line}")
    if not comparison.appended and not comparison.changed:
        print("nothing is new")
    return 1 if comparison.changed else 0


if __name__ == "__main__":
    sys.exit(main())
