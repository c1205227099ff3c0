"""Functions of functions that trace without computing: `linear_transpose`, `eval_shape`, `closure_convert`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from ryft_core import trees
from ryft_core.errors import DifferentiationError, OperandError, StructureError
from ryft_core.primitives.conversions import convert
from ryft_core.primitives.operands import as_value
from ryft_core.programs.atoms import Value
from ryft_core.tracebacks import boundary
from ryft_core.tracing.tracers import Tracer, trace_program
from ryft_core.transforms.functions import FlatFunction, argument_path, check_function, function_name
from ryft_core.transforms.gradients import result_array
from ryft_core.transforms.jvp import instantiate
from ryft_core.transforms.programs import backward_nonlinear
from ryft_core.types.array_types import ArrayType

__all__ = ["closure_convert", "eval_shape", "linear_transpose"]


def _types(leaves: list[Any], structure: trees.Structure, function: Callable[..., Any]) -> list[ArrayType]:
    types: list[ArrayType] = []
    for index, leaf in enumerate(leaves):
        if isinstance(leaf, ArrayType):
            types.append(leaf)
        elif not isinstance(leaf, Value) and hasattr(leaf, "shape") and hasattr(leaf, "dtype"):
            types.append(ArrayType(tuple(leaf.shape), numpy.dtype(leaf.dtype)))
        else:
            try:
                types.append(as_value(leaf).type)
            except OperandError:
                raise OperandError(
                    f"argument `{argument_path(structure, index)}` of `{function_name(function)}` is a "
                    f"`{type(leaf).__name__}`, which is not an array or an array type: {leaf!r:.80}"
                ) from None
    return types


@boundary("eval_shape")
def eval_shape(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Returns the types of the results of `function`, without computing them.

    Args:
        function: Function of arrays and structures of arrays.
        args: Arguments; in place of an array there may be an `ArrayType`, or anything with a `shape` and a `dtype`.
        kwargs: Arguments by name.

    Returns:
        The structure of the results, with an `ArrayType` in place of each array.
    """
    check_function("eval_shape", function)
    leaves, structure = trees.flatten_arguments(args, kwargs)
    flat = FlatFunction(function, structure)
    program, _ = trace_program(flat, _types(leaves, structure, function), function_name(function))
    return flat.structure.unflatten(program.output_types)


@boundary("closure_convert")
def closure_convert(function: Callable[..., Any], *example_args: Any) -> tuple[Callable[..., Any], list[Any]]:
    """Returns `function` with the traced values that it captured as arguments, and these values.

    A function that takes another one and has a derivative rule of its own can so pass on derivatives with respect to
    what the other one captured.

    Args:
        function: Function of arrays and structures of arrays.
        example_args: Arguments, or their types, for which it is traced.

    Returns:
        A function of the arguments followed by the captured values, and the list of these.
    """
    check_function("closure_convert", function)
    leaves, structure = trees.flatten((example_args, {}))
    flat = FlatFunction(function, structure)
    program, captured = trace_program(flat, _types(leaves, structure, function), function_name(function))
    moving = [place for place, value in enumerate(captured) if isinstance(value, Tracer)]
    count = len(example_args)

    def converted(*args: Any) -> Any:
        arguments, constants = args[:count], args[count:]
        values, given = trees.flatten((arguments, {}))
        if given != structure:
            raise StructureError(
                f"`{function_name(function)}` was converted for arguments of another structure: "
                f"{trees.structure_difference(structure, given)}"
            )
        if len(constants) != len(moving):
            raise StructureError(
                f"`{function_name(function)}` was converted to take {count} argument(s) and then {len(moving)} "
                f"captured value(s), but got {len(args)} in all"
            )
        filled = list(captured)
        for place, value in zip(moving, constants, strict=True):
            filled[place] = value
        return flat.structure.unflatten(program.evaluate(*filled, *map(as_value, values)))

    converted.__name__ = function_name(function)
    return converted, [captured[place] for place in moving]


@boundary("linear_transpose")
def linear_transpose(function: Callable[..., Any], *primals: Any) -> Callable[..., tuple[Any, ...]]:
    """Returns the transpose of a linear function, which maps cotangents of its results to cotangents of its arguments.

    Unlike `vjp`, this needs the types of the arguments only.

    Example:
        >>> import numpy
        >>> transposed = linear_transpose(lambda x: 3 * x, numpy.float32(0))
        >>> float(transposed(2.0)[0])
        6.0

    Args:
        function: Function that is linear in all of its arguments.
        primals: Arguments, or their types.

    Raises:
        DifferentiationError: If the function is not linear, when the result is called.
        StructureError: If the cotangents do not have the structure of the results.
    """
    check_function("linear_transpose", function)
    leaves, structure = trees.flatten((primals, {}))
    types = _types(leaves, structure, function)
    for index, type in enumerate(types):
        if type.tangent is not type:
            raise DifferentiationError(
                f"`linear_transpose` expected arguments of floating-point or complex types, but "
                f"`{argument_path(structure, index)}` of `{function_name(function)}` is {type}"
            )
    flat = FlatFunction(function, structure)
    program, captured = trace_program(flat, types, function_name(function))

    @boundary("linear_transpose", function)
    def transposed(cotangents: Any) -> tuple[Any, ...]:
        given, result_structure = trees.flatten(cotangents)
        if result_structure != flat.structure:
            raise StructureError(
                f"`linear_transpose` of `{function_name(function)}` expected cotangents of the results' structure, "
                f"but: {trees.structure_difference(flat.structure, result_structure)}"
            )
        values = [_cotangent(value, type) for value, type in zip(given, program.output_types, strict=True)]
        count = len(captured)

        def pull(*operands: Any) -> list[Any]:
            return [instantiate(c) for c in backward_nonlinear(program, operands[:count], operands[count:])]

        operands = [*captured, *values]
        backward, outside = trace_program(pull, [value.type for value in operands], f"{program.name}_transposed")
        results = backward.evaluate(*outside, *operands)
        return structure.unflatten([result_array(result) for result in results])[0]

    return transposed


def _cotangent(value: Any, type: ArrayType) -> Any:
    array = as_value(value)
    if array.type.shape != type.shape or (array.type.dtype != type.dtype and not array.type.weak):
        raise DifferentiationError(f"expected a cotangent of type {type}, but got {array.type}")
    return convert(array, type.dtype)
