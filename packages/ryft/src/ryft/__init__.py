"""Ryft: trace, differentiate and compile numerical Python for any accelerator with an XLA (PJRT) plugin.

`import ryft` gives the transformations (`jit`, `grad`, `vmap`, …) and `ryft.numpy`; the layers below are `ryft.core`,
`ryft.pjrt`, `ryft.mlir` and `ryft.xla_sys`. `ryft.mlir` is loaded when it is first used: it takes longer than the rest.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import ryft_core as core
import ryft_pjrt as pjrt
import ryft_xla_sys as xla_sys
from ryft_core import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary] (all of the core is ours)

if TYPE_CHECKING:
    import ryft_mlir as mlir

    __version__: str

__all__ = ["core", "mlir", "pjrt", "xla_sys"]
__all__ += core.__all__


def __getattr__(name: str) -> Any:
    if name == "mlir":
        return importlib.import_module("ryft_mlir")
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("ryft")
    # With the name and the module, Python suggests the name that may have been meant.
    raise AttributeError(f"module `ryft` has no attribute `{name}`", name=name, obj=sys.modules[__name__])
