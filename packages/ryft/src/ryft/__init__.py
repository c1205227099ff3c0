"""Ryft: trace, differentiate and compile numerical Python for any accelerator with an XLA (PJRT) plugin.

`import ryft` gives the transformations (`jit`, `grad`, `vmap`, …) and `ryft.numpy`; the layers below are `ryft.core`,
`ryft.pjrt`, `ryft.mlir` and `ryft.xla_sys`. Each is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ryft_core as core
    import ryft_mlir as mlir
    import ryft_pjrt as pjrt
    import ryft_xla_sys as xla_sys
    from ryft import debug, lax, nn, numpy, parameters, tree
    from ryft_core import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary] (all of the core is ours)

    __all__ = ["core", "debug", "lax", "mlir", "nn", "numpy", "parameters", "pjrt", "tree", "xla_sys"]
    __all__ += core.__all__
    __version__: str

_MODULES = {
    "core": "ryft_core",
    "debug": "ryft.debug",
    "lax": "ryft.lax",
    "mlir": "ryft_mlir",
    "nn": "ryft.nn",
    "numpy": "ryft.numpy",
    "parameters": "ryft.parameters",
    "pjrt": "ryft_pjrt",
    "tree": "ryft.tree",
    "xla_sys": "ryft_xla_sys",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value: Any = importlib.import_module(_MODULES[name])
    elif name == "__all__":
        value = __dir__()
    elif name == "__version__":
        value = importlib.import_module("importlib.metadata").version("ryft")
    elif not name.startswith("_") and name in _core().__all__:
        value = getattr(_core(), name)
    else:
        # With the name and the module, Python suggests the name that may have been meant.
        raise AttributeError(f"module `ryft` has no attribute `{name}`", name=name, obj=sys.modules[__name__])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*_MODULES, *_core().__all__})


def _core() -> Any:
    return importlib.import_module("ryft_core")
