"""The process behind `_server`: reads requests, writes results or an error message."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy

from ryft_xla_sys.mlir import dialect, ir

from ._conversions import elements
from ._server import receive, send
from .attributes import DenseElementsAttribute, wrap_attribute
from .context import Context
from .diagnostics import Diagnostic

__all__ = ["check", "evaluate", "main"]


def main() -> None:
    """Serves requests until the input ends."""
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    # Whatever MLIR prints must not end up among the answers.
    os.dup2(2, 1)
    while True:
        try:
            task, *arguments = receive(source)
        except EOFError:
            return
        send(target, evaluate(*arguments) if task == "evaluate" else check(*arguments))


def check(data: bytes, is_artifact: bool, allow_unregistered_dialects: bool) -> str:
    """Reads a module and returns what went wrong, or an empty text."""
    context = Context(allow_unregistered_dialects=allow_unregistered_dialects)
    messages: list[str] = []

    def note(diagnostic: Any) -> bool:
        # The bindings cannot hand out messages that quote bytes which are not text.
        try:
            messages.append(diagnostic.message)
        except (RuntimeError, UnicodeDecodeError):
            messages.append("the bytes are damaged")
        return True

    raw = context.to_bindings()
    raw.emit_error_diagnostics = True
    _ = raw.attach_diagnostic_handler(note)
    try:
        if is_artifact:
            dialect("stablehlo").deserialize_portable_artifact(raw, data)
        else:
            ir.Module.parse(data, raw)
    except (ValueError, RuntimeError, ir.MLIRError) as error:
        return "; ".join(messages) or str(error)
    return ""


def evaluate(bytecode: bytes, arrays: list[numpy.ndarray[Any, Any]]) -> list[numpy.ndarray[Any, Any]] | str:
    """Evaluates a program and returns its results, or what went wrong."""
    context = Context()
    messages: list[str] = []

    def note(diagnostic: Diagnostic) -> bool:
        messages.append(str(diagnostic))
        return True

    context.attach_diagnostic_handler(note)
    try:
        module = ir.Module.parse(bytecode, context.to_bindings())
        raw = dialect("stablehlo").eval_module(module, [elements(context, array) for array in arrays])
        results = [wrap_attribute(context, item) for item in raw]
        return [item.to_numpy() for item in results if isinstance(item, DenseElementsAttribute)]
    except (ValueError, TypeError, ir.MLIRError) as error:
        return "; ".join(messages) or str(error)


if __name__ == "__main__":
    sys.exit(main())
