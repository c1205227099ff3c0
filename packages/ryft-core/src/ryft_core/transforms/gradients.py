"""Derivatives of functions: `jvp`, `vjp`, `linearize` and `grad`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

import numpy

from ryft_core import trees
from ryft_core.arrays import ArrayLike
from ryft_core.errors import ArgumentTypeError, DifferentiationError, StructureError, hinted
from ryft_core.primitives.conversions import convert
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Zero
from ryft_core.programs import atoms
from ryft_core.programs.atoms import Value
from ryft_core.tracebacks import boundary
from ryft_core.tracing.evaluation import concrete
from ryft_core.tracing.traces import STATE, using_trace
from ryft_core.transforms.functions import (
    FlatFunction,
    argument_leaves,
    argument_path,
    check_function,
    described,
    function_name,
    positions,
)
from ryft_core.transforms.jvp import JvpTrace, JvpTracer, instantiate
from ryft_core.transforms.linearize import LinearProgram, linearize_flat
from ryft_core.types.array_types import FLOAT0, ArrayType

__all__ = [
    "grad",
    "jvp",
    "linearize",
    "linearized_in",
    "result_array",
    "value_and_grad",
    "vjp",
]

P = ParamSpec("P")
A = TypeVar("A", bound=Any)
"""Type of the argument that is differentiated with respect to."""
V = TypeVar("V", bound=ArrayLike)
"""Type of the value of a function that gradients are taken of."""
R = TypeVar("R")
"""Type of the results."""
X = TypeVar("X")
"""Type of the auxiliary data."""


def result_array(value: Any) -> Any:
    """Returns a result as the user sees it: an array, also where it is a literal or a symbolic zero."""
    if type(value) is Zero:
        if value.type.dtype == FLOAT0:
            return numpy.zeros(value.type.shape, FLOAT0)
        value = instantiate(value)
    if type(value) is atoms.Literal:
        with using_trace(STATE.base):
            return concrete(value)
    return value


@overload
def jvp(
    function: Callable[..., R], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: Literal[False] = False
) -> tuple[R, R]: ...
@overload
def jvp(
    function: Callable[..., tuple[R, X]], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: Literal[True]
) -> tuple[R, R, X]: ...
@boundary("jvp")
def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """Returns the results of `function` and their derivative in a direction.

    Args:
        function: Function to differentiate.
        primals: Arguments at which to differentiate, as a tuple or list.
        tangents: Direction: a structure as `primals`, with elements of the same types. The tangent of an integer has
            the element type `float0`.
        has_aux: Whether `function` returns a pair whose second element is passed through.

    Returns:
        The results, their tangents and, if `has_aux`, the auxiliary data.

    Raises:
        StructureError: If the structures differ.
        DifferentiationError: If the type of a tangent does not fit its primal.
    """
    check_function("jvp", function)
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise hinted(
                ArgumentTypeError(f"`jvp` expected a tuple or list of {what}, but got {described(given)}"),
                "give one element for each argument: `jvp(f, (x,), (dx,))`",
            )
    leaves, structure = trees.flatten_arguments(tuple(primals), {})
    tangent_leaves, tangent_structure = trees.flatten((tuple(tangents), {}))
    if structure != tangent_structure:
        raise StructureError(
            f"`jvp` expected tangents of the structure of the primals, but: "
            f"{trees.structure_difference(structure, tangent_structure)}"
        )
    values = argument_leaves(leaves, structure, function)
    changes = [
        _tangent(change, value.type, argument_path(structure, index))
        for index, (value, change) in enumerate(zip(values, tangent_leaves, strict=True))
    ]
    flat = FlatFunction(function, structure, has_aux=has_aux)
    trace = JvpTrace(STATE.trace)
    try:
        with using_trace(trace):
            outputs = flat(*[JvpTracer(trace, value, change) for value, change in zip(values, changes, strict=True)])
        pairs = [trace.split(output) for output in outputs]
    finally:
        trace.finished = True
    results = flat.structure.unflatten([result_array(primal) for primal, _ in pairs])
    derivative = flat.structure.unflatten([result_array(tangent) for _, tangent in pairs])
    if has_aux:
        return results, derivative, _without_tracers(flat.auxiliary, trace)
    return results, derivative


def _tangent(change: Any, type: ArrayType, path: str, kind: str = "tangent") -> Value:
    expected = type.tangent
    if expected is not type and not isinstance(change, Value):
        given = numpy.asarray(change)
        if given.dtype == FLOAT0 and given.shape == type.shape:
            return Zero(expected)
    else:
        value = as_value(change)
        if value.type.shape == type.shape and value.type.dtype == type.dtype:
            return value
        if value.type.shape == type.shape and value.type.weak:
            return convert(value, type.dtype)
        given = value.type  # type: ignore[assignment]
    found = given if isinstance(given, ArrayType) else ArrayType(given.shape, given.dtype)
    error = DifferentiationError(f"expected a {kind} of type {expected} for `{path}` of type {type}, but got {found}")
    if expected is not type:
        raise hinted(error, f"integers have no derivative: pass `numpy.zeros({type.shape}, ryft.float0)`")
    raise error


def _without_tracers(auxiliary: Any, trace: Any) -> Any:
    """Returns auxiliary data with the tracers of `trace` replaced by their primals."""
    return trees.map(lambda leaf: result_array(trace.split(leaf)[0]) if isinstance(leaf, Value) else leaf, auxiliary)


def _linearized(
    function: Callable[..., Any], args: tuple[Any, ...], has_aux: bool, name: str
) -> tuple[list[Any], LinearProgram, FlatFunction, trees.Structure]:
    check_function(name, function)
    leaves, structure = trees.flatten_arguments(args, {})
    values = argument_leaves(leaves, structure, function)
    flat = FlatFunction(function, structure, has_aux=has_aux)

    def traced(*operands: Any) -> list[Value]:
        outputs = flat(*operands)
        if has_aux:
            flat.auxiliary = _without_tracers(flat.auxiliary, STATE.trace)
        return outputs

    outputs, linear = linearize_flat(traced, values)
    return outputs, linear, flat, structure


@overload
def linearize(
    function: Callable[..., R], *primals: Any, has_aux: Literal[False] = False
) -> tuple[R, Callable[..., R]]: ...
@overload
def linearize(
    function: Callable[..., tuple[R, X]], *primals: Any, has_aux: Literal[True]
) -> tuple[R, Callable[..., R], X]: ...
@boundary("linearize")
def linearize(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Returns the results of `function` at `primals`, and its derivative there as a function of tangents.

    The derivative may be called many times; what depends on the primals alone is computed once.
    """
    outputs, linear, flat, structure = _linearized(function, primals, has_aux, "linearize")
    types = [leaf.type for leaf in map(as_value, trees.flatten((primals, {}))[0])]

    @boundary("linearize", function)
    def derivative(*tangents: Any) -> Any:
        leaves, given = trees.flatten((tangents, {}))
        if given != structure:
            raise StructureError(
                "expected tangents of the structure of the primals, but: "
                f"{trees.structure_difference(structure, given)}"
            )
        changes = [
            instantiate(_tangent(leaf, type, argument_path(structure, index)))
            for index, (leaf, type) in enumerate(zip(leaves, types, strict=True))
        ]
        return flat.structure.unflatten([result_array(change) for change in linear.forward(changes)])

    results = flat.structure.unflatten([result_array(output) for output in outputs])
    return (results, derivative, flat.auxiliary) if has_aux else (results, derivative)


@overload
def vjp(
    function: Callable[..., R], *primals: Any, has_aux: Literal[False] = False
) -> tuple[R, Callable[[R], tuple[Any, ...]]]: ...
@overload
def vjp(
    function: Callable[..., tuple[R, X]], *primals: Any, has_aux: Literal[True]
) -> tuple[R, Callable[[R], tuple[Any, ...]], X]: ...
@boundary("vjp")
def vjp(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Returns the results of `function` at `primals`, and the function that maps cotangents of them to cotangents.

    Args:
        function: Function to differentiate.
        primals: Arguments at which to differentiate.
        has_aux: Whether `function` returns a pair whose second element is passed through.

    Returns:
        The results; a function from cotangents, in the structure of the results, to a tuple of cotangents, one for
        each argument; and, if `has_aux`, the auxiliary data.
    """
    outputs, linear, flat, structure = _linearized(function, primals, has_aux, "vjp")
    result_structure = flat.structure

    @boundary("vjp", function)
    def pullback(cotangents: Any, *more: Any) -> Any:
        if more:
            raise hinted(
                StructureError(
                    f"the function that `vjp` returns expected one argument, the cotangents in the structure of the "
                    f"results, but got {1 + len(more)}"
                ),
                "pass cotangents of several results as they are returned, for example as a tuple",
            )
        leaves, given = trees.flatten(cotangents)
        if given != result_structure:
            raise StructureError(
                f"expected cotangents of the structure of the results, but: "
                f"{trees.structure_difference(result_structure, given)}"
            )
        values = [
            _tangent(leaf, output.type, f"result{path}", "cotangent")
            for leaf, output, path in zip(leaves, outputs, result_structure.paths, strict=True)
        ]
        results = [result_array(cotangent) for cotangent in linear.backward(values)]
        return structure.unflatten(results)[0]

    results = result_structure.unflatten([result_array(output) for output in outputs])
    return (results, pullback, flat.auxiliary) if has_aux else (results, pullback)


@overload
def value_and_grad(
    function: Callable[Concatenate[A, P], V],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
) -> Callable[Concatenate[A, P], tuple[V, A]]: ...
@overload
def value_and_grad(
    function: Callable[Concatenate[A, P], tuple[V, X]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
    holomorphic: bool = False,
) -> Callable[Concatenate[A, P], tuple[tuple[V, X], A]]: ...
@overload
def value_and_grad(
    function: Callable[P, V], argnums: int, *, has_aux: Literal[False] = False, holomorphic: bool = False
) -> Callable[P, tuple[V, Any]]: ...
@overload
def value_and_grad(
    function: Callable[P, V], argnums: Sequence[int], *, has_aux: Literal[False] = False, holomorphic: bool = False
) -> Callable[P, tuple[V, tuple[Any, ...]]]: ...
@overload
def value_and_grad(
    function: Callable[P, tuple[V, X]], argnums: int, *, has_aux: Literal[True], holomorphic: bool = False
) -> Callable[P, tuple[tuple[V, X], Any]]: ...
@overload
def value_and_grad(
    function: Callable[P, tuple[V, X]], argnums: Sequence[int], *, has_aux: Literal[True], holomorphic: bool = False
) -> Callable[P, tuple[tuple[V, X], tuple[Any, ...]]]: ...
def value_and_grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Returns a function that gives the value of `function`, a scalar, and its gradient.

    Args:
        function: Function that returns a real scalar; a complex one if `holomorphic`.
        argnums: Which positional arguments to differentiate with respect to. One integer gives one gradient, several
            give a tuple of them.
        has_aux: Whether `function` returns a pair whose second element is passed through.
        holomorphic: Whether `function` is complex and holomorphic.

    Raises:
        DifferentiationError: When called, if the result is not a scalar or not of a floating-point type, or an
            argument to differentiate with respect to is not.
    """
    evaluate = _value_and_gradient("value_and_grad", function, argnums, has_aux, holomorphic)
    return boundary("value_and_grad", function)(evaluate)


def _value_and_gradient(
    name: str, function: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool, holomorphic: bool
) -> Callable[..., Any]:
    check_function(name, function)
    numbers = positions(argnums, "argnums")

    def evaluate(*args: Any, **kwargs: Any) -> Any:
        _, outputs, linear, flat, structure = linearized_in(
            name, function, numbers, args, kwargs, has_aux=has_aux, holomorphic=holomorphic
        )
        seed = _seed(name, outputs, flat.structure, holomorphic, function)
        gradients = structure.unflatten([result_array(cotangent) for cotangent in linear.backward([seed])])[0]
        value = flat.structure.unflatten([result_array(output) for output in outputs])
        gradient = gradients if isinstance(argnums, Iterable) else gradients[0]
        return ((value, flat.auxiliary), gradient) if has_aux else (value, gradient)

    return evaluate


def linearized_in(
    name: str,
    function: Callable[..., Any],
    numbers: Sequence[int],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    has_aux: bool,
    holomorphic: bool,
) -> tuple[tuple[Any, ...], list[Any], LinearProgram, FlatFunction, trees.Structure]:
    """Linearizes a function in some of its positional arguments, on behalf of the transformation called `name`.

    Returns:
        These arguments, the results, the linear program, the function with its structures, and the structure of these
        arguments.
    """
    chosen = _positions(numbers, len(args), function)

    def partially(*selected: Any) -> Any:
        arguments = list(args)
        for position, value in zip(chosen, selected, strict=True):
            arguments[position] = value
        return function(*arguments, **kwargs)

    partially.__name__ = function_name(function)
    selected = tuple([args[position] for position in chosen])
    _check_inputs(name, selected, holomorphic, function, chosen)
    return selected, *_linearized(partially, selected, has_aux, name)


def _positions(numbers: Sequence[int], count: int, function: Callable[..., Any]) -> list[int]:
    for number in numbers:
        if not -count <= number < count:
            raise hinted(
                DifferentiationError(
                    f"cannot differentiate `{function_name(function)}` with respect to argument {number}: "
                    f"it was called with {count} positional argument(s)"
                ),
                "arguments to differentiate with respect to are passed by position",
            )
    chosen = [number % count for number in numbers]
    if len(set(chosen)) != len(chosen):
        raise DifferentiationError(
            f"cannot differentiate `{function_name(function)}` twice with respect to one argument, "
            f"but got `argnums` {tuple(numbers)}"
        )
    return chosen


def _check_inputs(
    name: str, selected: tuple[Any, ...], holomorphic: bool, function: Callable[..., Any], chosen: Sequence[int]
) -> None:
    """Checks that the arguments to differentiate with respect to have a derivative."""
    leaves, structure = trees.flatten_arguments(selected, {})
    for index, value in enumerate(argument_leaves(leaves, structure, function)):
        kind = value.type.kind
        # The reverse derivative of a real function of complex arguments is defined, but not the forward one.
        if (kind == "f" and not holomorphic) or (kind == "c" and (holomorphic or name != "jacfwd")):
            continue
        _, number, *rest = structure.paths[index]
        place = chosen[number.index] if isinstance(number, trees.Index) else number
        argument = f"argument {place}{trees.Path(rest).suffix} of `{function_name(function)}`"
        if holomorphic:
            raise DifferentiationError(
                f"`{name}` with `holomorphic=True` needs complex arguments, but {argument} is {value.type}"
            )
        if kind == "c":
            raise hinted(
                DifferentiationError(f"`jacfwd` needs real arguments, but {argument} is {value.type}"),
                "pass `holomorphic=True` if the function is holomorphic; otherwise take the real and the imaginary "
                "part as two arguments",
            )
        raise hinted(
            DifferentiationError(f"`{name}` needs arguments of a floating-point type, but {argument} is {value.type}"),
            "convert it with `.astype(float)`, choose other arguments with `argnums`, or take what is not to be "
            "differentiated out of the structure",
        )


def _seed(
    name: str, outputs: list[Any], structure: trees.Structure, holomorphic: bool, function: Callable[..., Any]
) -> Any:
    label = function_name(function)
    if not structure.is_leaf:
        found = described(structure.unflatten([0.0] * structure.num_leaves))
        raise hinted(
            DifferentiationError(f"`{name}` needs a function that returns one scalar, but `{label}` returned {found}"),
            "return a pair and pass `has_aux=True` to keep other results, or use `jacrev`",
        )
    type = outputs[0].type
    if type.shape != ():
        raise hinted(
            DifferentiationError(f"`{name}` needs a scalar result, but `{label}` returned one of shape {type.shape}"),
            "reduce it, for example with `.sum()` or `.mean()`, or use `jacrev` or `vjp`",
        )
    if type.kind != ("c" if holomorphic else "f"):
        hint = (
            "convert it to a floating-point type" if type.kind in "biu" else "pass `holomorphic=True`, or take `.real`"
        )
        needed = "complex" if holomorphic else "floating-point"
        raise hinted(
            DifferentiationError(
                f"`{name}` needs a {needed} result, but `{label}` returned one of type {type.dtype.name}"
            ),
            "return a complex result" if holomorphic else hint,
        )
    return as_value(numpy.ones((), type.dtype))


@overload
def grad(
    function: Callable[Concatenate[A, P], ArrayLike],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
) -> Callable[Concatenate[A, P], A]: ...
@overload
def grad(
    function: Callable[Concatenate[A, P], tuple[ArrayLike, X]],
    argnums: Literal[0] = 0,
    *,
    has_aux: Literal[True],
    holomorphic: bool = False,
) -> Callable[Concatenate[A, P], tuple[A, X]]: ...
@overload
def grad(
    function: Callable[P, ArrayLike], argnums: int, *, has_aux: Literal[False] = False, holomorphic: bool = False
) -> Callable[P, Any]: ...
@overload
def grad(
    function: Callable[P, ArrayLike],
    argnums: Sequence[int],
    *,
    has_aux: Literal[False] = False,
    holomorphic: bool = False,
) -> Callable[P, tuple[Any, ...]]: ...
@overload
def grad(
    function: Callable[P, tuple[ArrayLike, X]], argnums: int, *, has_aux: Literal[True], holomorphic: bool = False
) -> Callable[P, tuple[Any, X]]: ...
@overload
def grad(
    function: Callable[P, tuple[ArrayLike, X]],
    argnums: Sequence[int],
    *,
    has_aux: Literal[True],
    holomorphic: bool = False,
) -> Callable[P, tuple[tuple[Any, ...], X]]: ...
def grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Returns a function that gives the gradient of `function`, which returns a scalar.

    The arguments are those of `value_and_grad`. With `has_aux`, the result is `(gradient, auxiliary)`.

    Example:
        >>> float(grad(lambda x: x * x)(3.0))
        6.0
    """
    evaluate = _value_and_gradient("grad", function, argnums, has_aux, holomorphic)

    @boundary("grad", function)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, result = evaluate(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return gradient
