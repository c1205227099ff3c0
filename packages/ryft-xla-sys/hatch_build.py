"""Build hook of `ryft-xla-sys`: compiles the cffi module that holds the PJRT C API, and the protobuf messages.

The declarations come from the header that the pinned CPU plugin wheel ships (or from the file that the environment
variable `RYFT_XLA_SYS_PJRT_HEADER` names, on platforms without that wheel), from `native/appended/`, which holds what
the API appended since that header, and from our own units in `native/` and `native/extensions/`: each `NAME.h` is
declared to cffi and included by the module, each `native/NAME.c` is compiled into it. Only cffi sees the macro
`RYFT_CFFI_DECLARATIONS`.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from cffi import FFI
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "ryft_xla_sys._native"
ROOT = Path(__file__).parent
SOURCE = ROOT / "src" / "ryft_xla_sys"
NATIVE = ROOT / "native"


def header_path() -> Path:
    """Returns the path of the `pjrt_c_api.h` that the module is generated from."""
    override = os.environ.get("RYFT_XLA_SYS_PJRT_HEADER")
    if override:
        return Path(override)
    try:
        spec = importlib.util.find_spec("xla_plugins.xla_cpu_pjrt")
    except ModuleNotFoundError:  # Not even the package around it is there.
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(
            "cannot find `pjrt_c_api.h`: install the distribution `xla-cpu-pjrt`, which ships it, "
            "or set RYFT_XLA_SYS_PJRT_HEADER to the path of that header"
        )
    return Path(spec.submodule_search_locations[0]) / "include" / "pjrt_c_api.h"


def merge_appended(header: str, appended: str) -> str:
    """Returns the PJRT header with what the API appended since: `native/appended/pjrt_c_api.h` describes the format.

    Whatever the header has already is left as it is, so merging twice changes nothing.
    """
    appended = re.sub(r"^//.*\n", "", appended, flags=re.MULTILINE)
    pattern = r"^(?:struct|enum) appended_to_(\w+) \{\n(.*?)^\};\n"
    members = re.findall(pattern, appended, flags=re.MULTILINE | re.DOTALL)
    minor = max(int(re.search(r"define PJRT_API_MINOR (\d+)", text)[1]) for text in (header, appended))
    types = re.sub(
        r"^#define.*\n", "", re.sub(pattern, "", appended, flags=re.MULTILINE | re.DOTALL), flags=re.MULTILINE
    )
    new = []
    for block in types.strip().split("\n\n"):
        lines = [line for line in block.splitlines() if not (line.startswith("typedef struct") and line in header)]
        name = re.search(r"^struct (\w+) \{", block, flags=re.MULTILINE) or re.search(r"\(\*(\w+)\)\(", block)
        if lines and (name is None or not re.search(rf"struct {name[1]} \{{|\(\*{name[1]}\)\(", header)):
            new.append("\n".join(lines))
    anchor = "struct PJRT_ExecuteOptions {"
    header = header.replace(anchor, "\n\n".join([*new, anchor]), 1)
    header = re.sub(r"(#define PJRT_API_MINOR) \d+", rf"\1 {minor}", header)
    for name, body in members:
        header = append_members(header, name, body)
    return header


def append_members(header: str, name: str, body: str) -> str:
    """Returns the header with the members in `body` at the end of its struct or enumeration `name`."""
    block = re.search(
        rf"struct {name} \{{.*?^\}}|typedef enum \{{[^}}]*\}}(?= {name};)", header, re.MULTILINE | re.DOTALL
    )
    if block is None:
        raise RuntimeError(f"the PJRT header has no struct or enumeration `{name}` to append to")
    own = re.compile(r"(\w+)(?: = \d+,|\)?;)")
    lines = [line for line in body.splitlines() if not re.search(rf"\b{own.search(line)[1]}\b", block[0])]
    if not lines:
        return header
    start = header[: block.end() - 1]
    enumerators = re.sub(r"//.*|\s", "", block[0][:-1])
    separator = "  ,\n" if block[0].startswith("typedef enum") and not enumerators.endswith(",") else ""
    header = start + separator + "\n".join(lines) + "\n" + header[block.end() - 1 :]
    last = own.search(lines[-1])[1]
    return re.sub(rf"(STRUCT_(?:TRAITS|SIZE)\(\s*{name},\s*)\w+", rf"\g<1>{last}", header)


def declarations(header: str) -> str:
    """Returns the text of a C header in the form that `FFI.cdef` accepts: without directives, macros expanded."""
    text = re.sub(r"^\s*#\s*include\b.*$", "", header, flags=re.MULTILINE)
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    command = [compiler, "-E", "-P", "-DRYFT_CFFI_DECLARATIONS", "-x", "c", "-"]
    text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    # A struct's size is computed by the C compiler, not by cffi's parser.
    return re.sub(r"enum\s*\{\s*(\w+_STRUCT_SIZE)\s*=[^}]*\}", r"enum { \1 = ... }", text)


def compile_module(directory: Path) -> Path:
    """Compiles the cffi module in `directory` and returns the path of the shared object."""
    header = directory / "pjrt_c_api.h"
    header.write_text(merge_appended(header_path().read_text(), (NATIVE / "appended" / "pjrt_c_api.h").read_text()))
    units = [NATIVE / "xla_ffi.h", *sorted(NATIVE.glob("extensions/*.h"))]
    units += [path for path in sorted(NATIVE.glob("*.h")) if path not in units]
    # One preprocessor run over all headers, so that our units see the macros of the PJRT header.
    text = "\n".join(path.read_text() for path in [header, *units])
    builder = FFI()
    builder.cdef(declarations(text))
    builder.set_source(
        MODULE,
        "".join(f'#include "{path}"\n' for path in ["pjrt_c_api.h", *(unit.relative_to(NATIVE) for unit in units)]),
        sources=[str(path) for path in sorted(NATIVE.glob("*.c"))],
        include_dirs=[str(directory), str(NATIVE)],
        py_limited_api=True,
        extra_compile_args=[] if os.name == "nt" else ["-O2", "-std=gnu11", "-Wno-unused-function"],
    )
    return Path(builder.compile(tmpdir=str(directory)))


def compile_protos() -> None:
    """Generates the `_pb2` modules from `protos/*.proto`, next to them."""
    protos = sorted((SOURCE / "protos").glob("*.proto"))
    if not protos:
        return
    import grpc_tools
    from grpc_tools import protoc

    well_known = Path(grpc_tools.__file__).parent / "_proto"
    names = [str(path.relative_to(ROOT / "src")) for path in protos]
    with tempfile.TemporaryDirectory() as directory:
        options = [f"-I{ROOT / 'src'}", f"-I{well_known}", f"--python_out={directory}", f"--pyi_out={directory}"]
        if protoc.main(["protoc", *options, *names]) != 0:
            raise RuntimeError(f"protoc failed for {names}")
        for generated in sorted(Path(directory).rglob("*_pb2.py*")):
            target = ROOT / "src" / generated.relative_to(directory)
            content = without_version_check(generated.read_text())
            if not target.exists() or target.read_text() != content:
                # Replaced at once: a process may be importing the old one.
                staged = target.with_name(f"{target.name}.new")
                staged.write_text(content)
                staged.replace(target)


def without_version_check(module: str) -> str:
    """Returns the text of a generated module without its check of the version of the `protobuf` runtime.

    The check demands a runtime as new as the compiler that happened to build the wheel, or warns of a newer one. The
    code that is generated for our messages needs neither: it has been the same since long before the oldest runtime
    that this distribution depends on.
    """
    return re.sub(
        r"^from google\.protobuf import runtime_version as _runtime_version\n|^_runtime_version\.Validate\w+\(.*?^\)\n",
        "",
        module,
        flags=re.MULTILINE | re.DOTALL,
    )


class NativeBuildHook(BuildHookInterface):
    """Compiles the native module before a wheel or an editable install is assembled."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        compile_protos()
        with tempfile.TemporaryDirectory() as directory:
            compiled = compile_module(Path(directory))
            # Replaced, not overwritten: a process may have the old one mapped.
            staged = SOURCE / (compiled.name + ".new")
            shutil.copy2(compiled, staged)
            staged.replace(SOURCE / compiled.name)
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
