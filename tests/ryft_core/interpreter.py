"""StableHLO's reference interpreter, in a process of its own: it ends the process when it meets what it cannot do.

As a script, it reads pickled pairs of a module's bytecode and operands from its standard input, and writes results.
"""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from typing import Any

from ryft_mlir import Context, Module
from ryft_mlir._conversions import elements
from ryft_mlir.elements import read_elements
from ryft_mlir.types import ShapedType
from ryft_xla_sys.mlir import dialect, ir, passmanager, register_passes


class InterpreterError(RuntimeError):
    """The interpreter cannot run a program."""


class Interpreter:
    """The interpreter's process, which is started again after it has ended."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, bytecode: bytes, operands: list[Any]) -> list[Any]:
        """Returns the results of a module's function `main`.

        Raises:
            InterpreterError: If the interpreter fails.
        """
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, __file__]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        _write(self.process.stdin, (bytecode, operands))
        results = _read(self.process.stdout)
        if isinstance(results, list):
            return results
        self.close()
        raise InterpreterError(results or "the interpreter ended the process")

    def close(self) -> None:
        """Ends the process."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


def _write(stream: Any, value: Any) -> None:
    data = pickle.dumps(value)
    stream.write(struct.pack("q", len(data)) + data)
    stream.flush()


def _read(stream: Any) -> Any:
    header = stream.read(8)
    return pickle.loads(stream.read(struct.unpack("q", header)[0])) if header else None


def evaluate(context: Context, bytecode: bytes, operands: list[Any]) -> list[Any]:
    """Returns the results of a module's function `main`."""
    module = Module.parse(context, bytecode)
    raw = module.to_bindings()
    if "chlo." in module.text():
        register_passes()
        with context._raw, ir.Location.unknown():
            manager = passmanager.PassManager.parse("builtin.module(func.func(chlo-legalize-to-stablehlo))")
            manager.run(raw.operation)
    arguments = [elements(context, operand, None) for operand in operands]
    with context._raw:
        results = dialect("stablehlo").eval_module(raw, arguments)
    values = []
    for result in results:
        type = context.tensor_type(tuple(result.type.shape), context.element_type(_wrapped(context, result)))
        assert isinstance(type, ShapedType)
        values.append(read_elements(result, type))
    return values


def _wrapped(context: Context, attribute: Any) -> Any:
    from ryft_mlir.types import wrap_type

    return wrap_type(context, attribute.type.element_type)


def main() -> None:
    """Serves requests until the input ends."""
    context = Context()
    output = sys.stdout.buffer
    while (request := _read(sys.stdin.buffer)) is not None:
        try:
            results: Any = evaluate(context, *request)
        except Exception as error:
            results = f"{type(error).__name__}: {error}"
        _write(output, results)


if __name__ == "__main__":
    main()
