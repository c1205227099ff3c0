"""The one door to the MLIR bindings, which come inside `jaxlib`. Nothing else in Ryft imports `jaxlib.mlir`."""

from __future__ import annotations

import ctypes
import importlib
import threading
from typing import Any

__all__ = ["DIALECTS", "address", "dialect", "ir", "new_context", "passmanager", "register_passes", "rewrite"]

DIALECTS: tuple[str, ...] = ("stablehlo", "chlo", "sdy", "mhlo", "mpmd")
"""Dialects that register themselves with a context through a function of their own."""

ir: Any = importlib.import_module("jaxlib.mlir.ir")
passmanager: Any = importlib.import_module("jaxlib.mlir.passmanager")
rewrite: Any = importlib.import_module("jaxlib.mlir._mlir_libs._mlir.rewrite")

_lock = threading.Lock()
_registry: Any = None
_passes_registered = False

_capsule_name = ctypes.pythonapi.PyCapsule_GetName
_capsule_name.restype = ctypes.c_char_p
_capsule_name.argtypes = [ctypes.py_object]
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype = ctypes.c_void_p
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def dialect(name: str) -> Any:
    """Returns the bindings' module of the dialect called `name`, for example `"stablehlo"`."""
    return importlib.import_module(f"jaxlib.mlir.dialects.{name}")


def new_context() -> Any:
    """Returns a new MLIR context in which every dialect that the bindings hold is registered.

    The dialects of `DIALECTS` and `func` are loaded; the others load when the parser, a pass or `context.dialects`
    asks for them, because loading them all takes eight times as long.
    """
    context = ir.Context()
    context.append_dialect_registry(_dialect_registry())
    for name in DIALECTS:
        bindings = dialect(name)
        register = getattr(bindings, "register_dialect", None) or bindings.register_mhlo_dialect
        register(context)
    _ = context.dialects["func"]
    return context


def register_passes() -> None:
    """Registers the passes of the dialects with MLIR. MLIR's own and Shardy's are always registered."""
    global _passes_registered
    with _lock:
        if not _passes_registered:
            dialect("stablehlo").register_stablehlo_passes()
            dialect("mhlo").register_mhlo_passes()
            # These two register their passes when they are imported.
            importlib.import_module("jaxlib.mlir.dialects.gpu.passes")
            importlib.import_module("jaxlib.mlir.dialects.sparse_tensor")
            _passes_registered = True


def address(handle: Any) -> int:
    """Returns the address of the C++ object behind an operation, block, region, value, attribute or type."""
    capsule = handle._CAPIPtr
    return _capsule_pointer(capsule, _capsule_name(capsule))


def _dialect_registry() -> Any:
    global _registry
    with _lock:
        if _registry is None:
            registry = ir.DialectRegistry()
            importlib.import_module("jaxlib.mlir._mlir_libs._jax_mlir_ext").register_dialects(registry)
            _registry = registry
    return _registry
