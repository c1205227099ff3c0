"""Loops over functions of the user: `scan`, `map`, `while_loop`, `fori_loop`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from ryft_core import trees
from ryft_core.errors import ArgumentError, BatchingError, OperandError, ShapeError, StructureError, hinted
from ryft_core.primitives.control_flow.bodies import (
    Body,
    array_leaves,
    check_callable,
    check_carry,
    check_structure,
    converted,
    known_scalar,
    scalar_operand,
    stable_types,
    structure_of,
    trace_body,
)
from ryft_core.primitives.control_flow.scan import Scan
from ryft_core.primitives.control_flow.while_loop import While
from ryft_core.primitives.operands import as_value
from ryft_core.programs.atoms import Value
from ryft_core.tracebacks import boundary
from ryft_core.types.array_types import ArrayType

__all__ = ["fori_loop", "map", "scan", "while_loop"]


@boundary("scan")
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Applies a step to each slice of `xs` in turn, and returns the last carry and the stacked results.

    This is `for x in xs: carry, y = f(carry, x); ys.append(y)`, as one loop of the compiled program, whatever its
    length. It has forward and reverse derivatives.

    Args:
        f: Function of the carry and a slice that returns the new carry, of the same types, and a result.
        init: Carry before the first step: a structure of arrays.
        xs: Structure of arrays, whose slices along their first axis the steps get; `None`, if they need none.
        length: Number of steps; needed only if `xs` has no arrays.
        reverse: Whether to go from the last slice to the first. The results stay in the order of the slices.
        unroll: Number of steps to put into one turn of the loop; `True` leaves no loop.

    Returns:
        The last carry, and the results stacked along a new first axis.

    Raises:
        StructureError: If a step does not return a pair, or its carry has another structure or other types.
        ShapeError: If the arrays of `xs` differ in their first size, or from `length`.
        ArgumentTypeError: If `length` or `unroll` is not an integer.
    """
    check_callable("scan", f=f)
    arrays, xs_structure = array_leaves(xs, "scan", "xs")
    length = _scan_length(arrays, xs_structure, length)
    values, carry_structure = array_leaves(init, "scan", "init")
    if immediate():
        return _scan_in_python(f, init, xs, length, reverse)
    slices = [array.type.with_shape(array.type.shape[1:]) for array in arrays]
    arguments = structure_of(
        trees.unflatten(carry_structure, [0] * len(values)), trees.unflatten(xs_structure, [0] * len(arrays))
    )
    count = len(values)
    values, body = _stable_body("scan", f, arguments, carry_structure, values, slices, _pair)
    constants = len(body.captured)
    steps = length if unroll is True else max(1, integer(unroll, "unroll"))
    operation = Scan(body.program, length, constants, count, bool(reverse), max(1, steps))
    results = operation.bind(*body.captured, *values, *arrays)
    carry_part, result_part = body.structure.children
    return carry_part.unflatten(results[:count]), result_part.unflatten(results[count:])


def _scan_length(arrays: Sequence[Value], structure: trees.Structure, length: int | None) -> int:
    wanted = None if length is None else _step_count(length)
    for path, array in zip(structure.paths, arrays, strict=True):
        if array.type.ndim == 0:
            raise hinted(
                ShapeError(f"`scan` expected arrays to take slices of, but `xs{path}` is a scalar"),
                "pass what is the same in every step in the carry, or let the function capture it",
            )
        size = array.type.shape[0]
        if wanted is None:
            wanted = size
        elif size != wanted:
            listed = ", ".join(
                f"`xs{p}` has {a.type.shape[0]}" for p, a in zip(structure.paths, arrays, strict=True) if a.type.ndim
            )
            given = "" if length is None else f", and `length` is {length}"
            raise ShapeError(f"`scan` expected arrays of one first size, but {listed}{given}")
    if wanted is None:
        raise hinted(OperandError("`scan` does not know its number of steps: `xs` has no arrays"), "pass `length`")
    return wanted


def _step_count(length: Any) -> int:
    steps = integer(length, "length")
    if steps < 0:
        raise ShapeError(f"`scan` expected a `length` that is not negative, but got {steps}")
    return steps


def _pair(structure: trees.Structure) -> trees.Structure:
    if len(structure.children) != 2 or structure.key[0].type not in (tuple, list):
        found = described(structure.unflatten([0.0] * structure.num_leaves))
        raise hinted(
            StructureError(f"`scan` expected a step to return a pair `(carry, result)`, but got {found}"),
            "return `carry, None` if a step has no result",
        )
    return structure.children[0]


def _stable_body(
    name: str,
    function: Callable[..., Any],
    arguments: trees.Structure,
    carry: trees.Structure,
    values: Sequence[Value],
    others: list[ArrayType],
    carry_of: Callable[[trees.Structure], trees.Structure],
) -> tuple[list[Value], Body]:
    """Traces a step until the types of its carry stay the same, and returns the initial carry in these types."""
    count = len(values)
    types = [value.type for value in values]
    while True:
        body = trace_body(function, arguments, [*types, *others])
        check_structure(name, "a step to return the carry's structure", carry, carry_of(body.structure))
        after = body.program.output_types
        stable = stable_types(types, after[:count])
        if stable == types:
            break
        types = stable
    check_carry(name, carry, types, body, count)
    body = converted(body, [*types, *after[count:]])
    return [conversions.convert(value, type.dtype) for value, type in zip(values, types, strict=True)], body


def _scan_in_python(f: Callable[..., Any], init: Any, xs: Any, length: int, reverse: bool) -> tuple[Any, Any]:
    carry, results = init, []
    if length == 0:
        raise hinted(OperandError("`scan` of no steps cannot run without tracing"), "do not use `disable_jit` here")
    for index in range(length - 1, -1, -1) if reverse else range(length):
        carry, result = f(carry, trees.map(lambda leaf, index=index: _row(leaf, index), xs))
        results.append(result)
    if reverse:
        results.reverse()
    return carry, trees.map(lambda *rows: _stack(rows), *results)


def _row(array: Any, index: int) -> Any:
    value = as_value(array)
    return manipulation.reshape(manipulation.slice_along(value, 0, index, index + 1), value.type.shape[1:])


def _stack(rows: Any) -> Any:
    return manipulation.concatenate([manipulation.expand_dims(row, 0) for row in rows], 0)


@boundary("map")
def map(f: Callable[[Any], Any], xs: Any, *, batch_size: int | None = None) -> Any:  # noqa: A001 (as in JAX)
    """Applies `f` to each slice of the arrays in `xs` along their first axis, one after the other.

    As `vmap(f)(xs)`, but in a loop, which needs less memory.

    Args:
        f: Function of a slice.
        xs: Structure of arrays with first axes of one size.
        batch_size: Number of slices to do at once, by `vmap`.

    Returns:
        The results stacked along a new first axis.

    Raises:
        ShapeError: If the arrays of `xs` differ in their first size.
        BatchingError: If `batch_size` is not positive.
    """
    if batch_size is None:
        return scan(lambda _, x: (None, f(x)), None, xs)[1]
    batch_size = integer(batch_size, "batch_size")
    if batch_size < 1:
        raise BatchingError(f"`map` expected a positive `batch_size`, but got {batch_size}")
    arrays, structure = array_leaves(xs, "map", "xs")
    length = _scan_length(arrays, structure, None)
    blocks, rest = divmod(length, batch_size)
    mapped = vmap(f)
    parts: list[Any] = []
    if blocks:
        grouped = [
            manipulation.reshape(
                manipulation.slice_along(array, 0, 0, blocks * batch_size),
                (blocks, batch_size, *array.type.shape[1:]),
            )
            for array in arrays
        ]
        results = scan(lambda _, x: (None, mapped(x)), None, structure.unflatten(grouped))[1]
        parts.append(trees.map(lambda y: manipulation.reshape(y, (blocks * batch_size, *y.shape[2:])), results))
    if rest or not blocks:
        last = [manipulation.slice_along(array, 0, blocks * batch_size, length) for array in arrays]
        parts.append(mapped(structure.unflatten(last)))
    return parts[0] if len(parts) == 1 else trees.map(lambda *rows: manipulation.concatenate(rows, 0), *parts)


@boundary("while_loop")
def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any, *, bound: int | None = None
) -> Any:
    """Applies `body_fun` to a carry for as long as `cond_fun` holds for it, and returns the last carry.

    This is `while cond_fun(carry): carry = body_fun(carry)`, as one loop of the compiled program. Forward derivatives
    work as they are; reverse ones need a `bound`. Under `vmap`, the loop runs until no element needs another step.

    Args:
        cond_fun: Function of the carry that returns a boolean scalar.
        body_fun: Function of the carry that returns a new one of the same types.
        init_val: Carry before the first step: a structure of arrays.
        bound: Number of steps after which the loop ends in any case. With it, the loop has a reverse derivative, which
            keeps a number of carries that is proportional to the logarithm of the bound and computes the others again.

    Raises:
        StructureError: If `body_fun` returns a carry of another structure or other types, or `cond_fun` does not
            return one boolean scalar.
        ArgumentTypeError: If `bound` is not an integer.
        ArgumentError: If `bound` is negative.
    """
    check_callable("while_loop", cond_fun=cond_fun, body_fun=body_fun)
    if bound is not None:
        limit = integer(bound, "bound")
        if limit < 0:
            raise ArgumentError(f"`while_loop` expected a `bound` that is not negative, but got {limit}")

        def within(state: Any) -> Any:
            count, carry = state
            return comparison.logical_and(comparison.less(count, limit), cond_fun(carry))

        def counted(state: Any) -> Any:
            return state[0] + 1, body_fun(state[1])

        return _while(within, counted, (as_value(numpy.int32(0)), init_val), limit)[1]
    return _while(cond_fun, body_fun, init_val, None)


def _while(condition: Callable[[Any], Any], step: Callable[[Any], Any], initial: Any, bound: int | None) -> Any:
    while immediate():
        holds = known_scalar(as_value(condition(initial)))
        if holds is None:
            break  # From here on the loop differs between the elements of a batch, or is traced by `jit`.
        if not holds:
            return initial
        initial = step(initial)
    values, carry = array_leaves(initial, "while_loop", "init_val")
    arguments = structure_of(initial)
    values, body = _stable_body("while_loop", step, arguments, carry, values, [], lambda structure: structure)
    count = len(values)
    holds = trace_body(condition, arguments, body.program.input_types[len(body.captured) :])
    types = holds.program.output_types
    if not holds.structure.is_leaf or types[0].shape != () or types[0].kind != "b":
        described = types[0] if holds.structure.is_leaf else holds.structure
        raise hinted(
            StructureError(f"`while_loop` expected `cond_fun` to return one boolean scalar, but got {described}"),
            "compare, or reduce with `.all()` or `.any()`",
        )
    operation = While(holds.program, body.program, len(holds.captured), len(body.captured), bound)
    results = operation.bind(*holds.captured, *body.captured, *values)
    assert len(results) == count
    return body.structure.unflatten(results)


@boundary("fori_loop")
def fori_loop(
    lower: Any,
    upper: Any,
    body_fun: Callable[[Any, Any], Any],
    init_val: Any,
    *,
    unroll: int | bool | None = None,
    bound: int | None = None,
) -> Any:
    """Applies `body_fun(i, carry)` for the integers `i` from `lower` up to, not including, `upper`.

    With limits that are known when it is traced this is a `scan`, which has forward and reverse derivatives.
    Otherwise it is a `while_loop`, whose reverse derivative needs a `bound`.

    Args:
        lower: First integer.
        upper: Integer to stop at.
        body_fun: Function of the integer and the carry that returns a new carry of the same types.
        init_val: Carry before the first step: a structure of arrays.
        unroll: Number of steps to put into one turn of the loop. The limits must be known.
        bound: Largest number of steps, if the limits are not known; see `while_loop`.

    Raises:
        StructureError: If `body_fun` returns a carry of another structure or other types.
        OperandError: If a limit is not an integer scalar, or `unroll` is given and the limits are not known.
    """
    check_callable("fori_loop", body_fun=body_fun)
    first, last = (scalar_operand(x, "fori_loop", what) for x, what in ((lower, "lower limit"), (upper, "upper limit")))
    for what, value in (("lower", first), ("upper", last)):
        if value.type.kind not in "iu":
            raise OperandError(f"`fori_loop` expected an integer for `{what}`, but got one of type {value.type}")
    first, last = promote(first, last)
    start, stop = known_scalar(first), known_scalar(last)
    if start is not None and stop is not None:

        def step(state: Any, _: Any) -> Any:
            index, carry = state
            return (index + 1, body_fun(index, carry)), None

        length = max(stop - start, 0)
        if length == 0 and immediate():
            return init_val
        return scan(step, (first, init_val), None, length, unroll=1 if unroll is None else unroll)[0][1]
    if unroll is not None:
        raise OperandError("`fori_loop` cannot unroll a loop whose limits are not known when it is traced")
    return while_loop(
        lambda state: comparison.less(state[0], last),
        lambda state: (state[0] + 1, body_fun(*state)),
        (first, init_val),
        bound=bound,
    )[1]


from ryft_core.primitives import comparison, conversions, manipulation  # noqa: E402
from ryft_core.primitives.operands import promote  # noqa: E402
from ryft_core.transforms.functions import described, integer  # noqa: E402
from ryft_core.transforms.scopes import immediate  # noqa: E402
from ryft_core.transforms.vmap import vmap  # noqa: E402
