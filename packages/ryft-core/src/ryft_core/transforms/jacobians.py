"""Matrices of derivatives: Jacobians, forwards and backwards, and Hessians."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec

import numpy

from ryft_core import trees
from ryft_core.errors import DifferentiationError, hinted
from ryft_core.primitives.manipulation import reshape
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Zero
from ryft_core.tracebacks import boundary
from ryft_core.transforms.functions import argument_leaves, check_function, function_name, positions
from ryft_core.transforms.gradients import linearized_in, result_array
from ryft_core.transforms.jvp import instantiate
from ryft_core.transforms.linearize import LinearProgram
from ryft_core.transforms.vmap import vmap
from ryft_core.types.array_types import FLOAT0, ArrayType

__all__ = ["hessian", "jacfwd", "jacrev"]

P = ParamSpec("P")


def _basis(type: ArrayType) -> Any:
    """Returns one array of the type for each of its elements, stacked: one at that element and zero elsewhere."""
    size = type.size
    return reshape(as_value(numpy.eye(size, dtype=type.dtype)), (size, *type.shape))


def jacfwd(
    function: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[P, Any]:
    """Returns a function that gives the Jacobian of `function`, computed forwards: one pass per input element.

    The result has the structure of the results of `function` and, in each leaf, that of the argument; the array there
    has the shape of the result followed by the shape of the argument.

    Args:
        function: Function of arrays.
        argnums: Which positional arguments to differentiate with respect to.
        has_aux: Whether `function` returns a pair whose second element is passed through.
        holomorphic: Whether `function` is complex and holomorphic.

    Raises:
        DifferentiationError: When called, if an argument is not real, or not complex for a holomorphic function.
    """
    return _jacobian(function, argnums, has_aux, holomorphic, forward=True)


def jacrev(
    function: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[P, Any]:
    """Returns a function that gives the Jacobian of `function`, computed backwards: one pass per output element.

    The result is arranged as that of `jacfwd`, and the arguments are the same.

    Raises:
        DifferentiationError: When called, if an argument or result is not real, or not complex for a holomorphic
            function.
    """
    return _jacobian(function, argnums, has_aux, holomorphic, forward=False)


def _jacobian(
    function: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool, holomorphic: bool, *, forward: bool
) -> Callable[..., Any]:
    name = "jacfwd" if forward else "jacrev"
    check_function(name, function)
    numbers = positions(argnums, "argnums")

    @boundary(name, function)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        selected, outputs, linear, flat, structure = linearized_in(
            name, function, numbers, args, kwargs, has_aux=has_aux, holomorphic=holomorphic
        )
        if not forward:
            _check_results(outputs, flat.structure, holomorphic, function)
        inputs = [leaf.type for leaf in argument_leaves(trees.flatten_arguments(selected, {})[0], structure, function)]
        rows = _forward_rows(linear, inputs) if forward else _backward_rows(linear, [o.type for o in outputs], inputs)
        results: list[Any] = []
        for row in rows:
            per_argument = structure.unflatten([result_array(block) for block in row])[0]
            results.append(per_argument if isinstance(argnums, Iterable) else per_argument[0])
        result = flat.structure.unflatten(results)
        return (result, flat.auxiliary) if has_aux else result

    return jacobian


def _check_results(
    outputs: Sequence[Any], structure: trees.Structure, holomorphic: bool, function: Callable[..., Any]
) -> None:
    for output, path in zip(outputs, structure.paths, strict=True):
        if output.type.kind != ("c" if holomorphic else "f"):
            needed = "complex" if holomorphic else "floating-point"
            raise hinted(
                DifferentiationError(
                    f"`jacrev` needs {needed} results, but `result{path}` of `{function_name(function)}` is "
                    f"{output.type}"
                ),
                "return what is not differentiated as auxiliary data with `has_aux=True`, or use `jacfwd`",
            )


def _forward_rows(linear: LinearProgram, inputs: list[ArrayType]) -> list[list[Any]]:
    """Returns the blocks of the Jacobian: a list for each output, in it an array for each input."""
    columns: list[list[Any]] = []
    for index, type in enumerate(inputs):

        def push(direction: Any, index: int = index) -> list[Any]:
            tangents = [direction if i == index else instantiate(Zero(t)) for i, t in enumerate(inputs)]
            return [instantiate(change) for change in linear.forward(tangents) if change.type.dtype != FLOAT0]

        pushed = vmap(push, out_axes=-1)(_basis(type))
        columns.append([reshape(block, (*block.shape[:-1], *type.shape)) for block in pushed])
    rows = iter(zip(*columns, strict=True))
    return [
        [Zero(result.with_shape((*result.shape, *type.shape))) for type in inputs]
        if result.dtype == FLOAT0
        else list(next(rows))
        for result in linear.output_types
    ]


def _backward_rows(linear: LinearProgram, outputs: list[ArrayType], inputs: list[ArrayType]) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for index, type in enumerate(outputs):

        def pull(direction: Any, index: int = index) -> list[Any]:
            cotangents = [direction if i == index else Zero(t) for i, t in enumerate(outputs)]
            return [instantiate(change) for change in linear.backward(cotangents)]

        pulled = vmap(pull)(_basis(type))
        rows.append([reshape(block, (*type.shape, *t.shape)) for block, t in zip(pulled, inputs, strict=True)])
    return rows


def hessian(
    function: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[P, Any]:
    """Returns a function that gives the matrix of second derivatives of `function`, forwards over backwards.

    The arguments are those of `jacfwd`.
    """
    inner = jacrev(function, argnums, has_aux=has_aux, holomorphic=holomorphic)
    return jacfwd(inner, argnums, has_aux=has_aux, holomorphic=holomorphic)
