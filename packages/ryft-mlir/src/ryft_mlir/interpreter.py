"""The reference interpreter of StableHLO: slow, simple, and independent of every compiler.

The interpreter ends its process when it meets something that it does not support. So it runs in a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import ArrayLike

from ._arguments import array, check_kind
from ._conversions import exact
from ._server import SERVER, ServerError
from .dialects import stable_hlo
from .dialects.func import FunctionOperation, return_
from .errors import InterpreterError
from .modules import Module
from .symbols import SymbolVisibility
from .types import ComplexType, ShapedType
from .values import Value

__all__ = ["evaluate"]


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
    try:
        results = SERVER.request(("evaluate", renamed.bytecode(), arrays), seconds)
    except ServerError as error:
        raise InterpreterError(f"the reference interpreter {error}") from None
    if isinstance(results, str):
        raise InterpreterError(f"the reference interpreter cannot evaluate the program: {results}")
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
