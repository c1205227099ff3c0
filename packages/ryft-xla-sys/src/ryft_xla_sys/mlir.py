"""The one door to the MLIR bindings, which come inside `jaxlib`. Nothing else in Ryft imports `jaxlib.mlir`."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["DIALECTS", "dialect", "ir", "new_context", "passmanager"]

DIALECTS: tuple[str, ...] = ("stablehlo", "chlo", "sdy", "mhlo", "mpmd")
"""Dialects that register themselves with a context through a function of their own."""

ir: Any = importlib.import_module("jaxlib.mlir.ir")
passmanager: Any = importlib.import_module("jaxlib.mlir.passmanager")


def dialect(name: str) -> Any:
    """Returns the bindings' module of the dialect called `name`, for example `"stablehlo"`."""
    return importlib.import_module(f"jaxlib.mlir.dialects.{name}")


def new_context() -> Any:
    """Returns a new MLIR context in which every dialect that the bindings hold is registered."""
    registration = importlib.import_module("jaxlib.mlir._mlir_libs._jax_mlir_ext")
    registry = ir.DialectRegistry()
    registration.register_dialects(registry)
    context = ir.Context()
    context.append_dialect_registry(registry)
    context.load_all_available_dialects()
    for name in DIALECTS:
        bindings = dialect(name)
        if hasattr(bindings, "register_dialect"):
            bindings.register_dialect(context)
    return context
