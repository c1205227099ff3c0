"""The reference interpreter of StableHLO: slow, simple, and independent of every compiler.

The interpreter ends its process when it meets something that it does not support. So it runs in a process of its own,
which starts with the first evaluation, serves all later ones, and is replaced when it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any

import numpy
from numpy.typing import ArrayLike

from ._arguments import array, check_kind
from ._conversions import exact
from .dialects import stable_hlo
from .dialects.func import FunctionOperation, return_
from .errors import InterpreterError
from .modules import Module
from .symbols import SymbolVisibility
from .types import ComplexType, ShapedType
from .values import Value

__all__ = ["evaluate", "receive", "send"]


def evaluate(
    module: Module, arguments: Sequence[ArrayLike] = (), *, function: str | None = None, timeout: float = 60.0
) -> list[numpy.ndarray[Any, Any]]:
    """Evaluates a function of a module with StableHLO's reference interpreter.

    Args:
        module: Program of StableHLO operations. Other dialects must be legalized first.
        arguments: One array for each argument of the function, converted to its data type.
        function: Name of the function. Defaults to `main`, or to the only public function.
        timeout: After how many seconds to give up.

    Returns:
        One array for each result.

    Raises:
        InterpreterError: If there is no such function, an argument has the wrong shape, or the interpreter does not
            support something in the program.
        ValueError: If an argument cannot be converted without loss, but for rounding.
    """
    check_kind(module, Module, "`evaluate`", "a module")
    arguments = array(arguments, "`evaluate`", "arrays")
    seconds = float(timeout)
    name, inputs = _signature(module, function)
    if len(arguments) != len(inputs):
        raise InterpreterError(f"`{name}` expected {len(inputs)} arguments, but got {len(arguments)}")
    arrays: list[numpy.ndarray[Any, Any]] = []
    for position, (argument, (shape, data_type)) in enumerate(zip(arguments, inputs, strict=True)):
        given = exact(numpy.asarray(argument), data_type, f"argument {position} of `{name}`")
        fits = len(given.shape) == len(shape) and all(b in (None, a) for a, b in zip(given.shape, shape, strict=True))
        if not fits:
            raise InterpreterError(f"argument {position} of `{name}` expected shape {shape}, but got {given.shape}")
        arrays.append(given)
    renamed = module.clone()
    if name != "main":
        if "main" in renamed.symbols:
            renamed.symbols.rename("main", "main_of_the_module")
        renamed.symbols.rename(name, "main")
    complex_results = _split_complex_results(renamed)
    results = _SERVER.evaluate(renamed.bytecode(), arrays, seconds)
    parts = iter(results)
    return [_join(next(parts), next(parts)) if is_complex else next(parts) for is_complex in complex_results]


def _split_complex_results(module: Module) -> list[bool]:
    """Makes `main` return the real and the imaginary parts of complex results, because the bindings cannot read those.

    Returns:
        For each result, whether it was complex.
    """
    main = module.symbols["main"]
    if not isinstance(main, FunctionOperation):
        raise InterpreterError(f"expected the function `main`, but got `{main.name}`")
    flags: list[bool] = []
    for block in main.regions[0].blocks:
        end = block.operations[-1]
        if end.name != "func.return":
            continue
        values: list[Value] = []
        flags = []
        for value in end.operands:
            kind = value.type
            flags.append(isinstance(kind, ShapedType) and isinstance(kind.element_type, ComplexType))
            values += [stable_hlo.real(block, value), stable_hlo.imag(block, value)] if flags[-1] else [value]
        if any(flags):
            return_(block, values)
            end.erase()
            inputs = main.function_type.inputs
            main.attributes["function_type"] = module.context.function_type(inputs, [value.type for value in values])
            if "res_attrs" in main.attributes:
                del main.attributes["res_attrs"]
    return flags


def _join(real: numpy.ndarray[Any, Any], imaginary: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """Returns complex numbers from their parts."""
    result = numpy.empty(real.shape, numpy.result_type(real.dtype, numpy.complex64))
    result.real, result.imag = real, imaginary
    return result


def _signature(module: Module, function: str | None) -> tuple[str, list[tuple[tuple[int | None, ...], Any]]]:
    functions = {
        operation.symbol_name: operation
        for operation in module.body.operations
        if isinstance(operation, FunctionOperation) and not operation.is_external
    }
    public = [name for name, operation in functions.items() if operation.visibility is SymbolVisibility.PUBLIC]
    name = function or ("main" if "main" in functions else public[0] if len(public) == 1 else "main")
    if name not in functions:
        known = ", ".join(f"`{known}`" for known in functions) or "none"
        raise InterpreterError(f"expected one of the functions {known}, but got `{name}`")
    inputs: list[tuple[tuple[int | None, ...], Any]] = []
    for position, argument_type in enumerate(functions[name].function_type.inputs):
        if not isinstance(argument_type, ShapedType):
            raise InterpreterError(
                f"argument {position} of `{name}` expected a tensor, but its type is `{argument_type}`"
            )
        inputs.append((argument_type.shape, argument_type.data_type))
    return name, inputs


class _Server:
    """Owns the process that evaluates."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.errors: IO[bytes] = io.BytesIO()

    def evaluate(
        self, bytecode: bytes, arrays: list[numpy.ndarray[Any, Any]], timeout: float
    ) -> list[numpy.ndarray[Any, Any]]:
        """Sends a program and its arguments, and waits for the results."""
        with self.lock:
            process = self._start()
            # A program that hangs is ended from here; reading then fails as if it had ended by itself.
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            try:
                send(process.stdin, (bytecode, arrays))
                answer = receive(process.stdout)
            except (EOFError, BrokenPipeError, OSError):
                timed_out = not timer.is_alive()
                raise InterpreterError(self._last_words(process, timed_out, timeout)) from None
            finally:
                timer.cancel()
        if isinstance(answer, str):
            raise InterpreterError(f"the reference interpreter cannot evaluate the program: {answer}")
        return answer

    def stop(self) -> None:
        """Ends the process."""
        with self.lock:
            if self.process is not None:
                self.process.kill()
                self.process.wait()
                self._close(self.process)
                self.errors.close()

    def _close(self, process: subprocess.Popen[bytes]) -> None:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.process = None

    def _start(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, "-m", "ryft_mlir._interpreter_process"]
            pipe = subprocess.PIPE
            # A file and not a pipe, which the interpreter could fill up.
            self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors)
        return self.process

    def _last_words(self, process: subprocess.Popen[bytes], timed_out: bool, timeout: float) -> str:
        if timed_out:
            process.kill()
        status = process.wait()
        self._close(process)
        with self.errors as errors:
            errors.seek(0)
            lines = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
        if timed_out:
            return f"the reference interpreter did not finish within {timeout:g} seconds"
        ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        reason = next((line for line in lines if "ERROR" in line or "error" in line), ended)
        return f"the reference interpreter ended: {reason.strip()}"


def send(stream: IO[bytes] | None, message: object) -> None:
    """Writes one message to a pipe."""
    if stream is None:
        raise BrokenPipeError("the process of the interpreter has no input")
    data = pickle.dumps(message)
    stream.write(struct.pack("<Q", len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes] | None) -> Any:
    """Reads one message from a pipe.

    Raises:
        EOFError: If the other end is closed.
    """
    header = b"" if stream is None else stream.read(8)
    if stream is None or len(header) < 8:
        raise EOFError("the process of the interpreter has ended")
    return pickle.loads(stream.read(struct.unpack("<Q", header)[0]))


_SERVER = _Server()
atexit.register(_SERVER.stop)
