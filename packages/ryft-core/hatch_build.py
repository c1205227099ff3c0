"""Build hook of `ryft-core`: compiles `native/*.c` to the extension module `ryft_core._dispatch`."""

import os
import shutil
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
TARGET = ROOT / "src" / "ryft_core"


def compile_module(directory: Path) -> Path:
    """Compiles the extension module in `directory` and returns the path of the shared object."""
    extension = Extension(
        "_dispatch",
        [str(path) for path in sorted((ROOT / "native").glob("*.c"))],
        include_dirs=[str(ROOT / "native")],
        py_limited_api=True,
        extra_compile_args=["/O2", "/std:c11"] if os.name == "nt" else ["-O2", "-std=gnu11", "-fvisibility=hidden"],
    )
    command = build_ext(Distribution({"name": "dispatch", "ext_modules": [extension]}))
    command.build_lib = command.build_temp = str(directory)
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath("_dispatch"))


class NativeBuildHook(BuildHookInterface):
    """Compiles the extension module before a wheel or an editable install is assembled."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        with tempfile.TemporaryDirectory() as directory:
            compiled = compile_module(Path(directory))
            # Replaced, not overwritten: a process may have the old one mapped.
            staged = TARGET / (compiled.name + ".new")
            shutil.copy2(compiled, staged)
            staged.replace(TARGET / compiled.name)
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
