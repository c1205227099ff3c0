"""Bodies of loops and branches: functions of the user traced into programs whose types fit together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ryft_core import trees
from ryft_core.errors import OperandError, StructureError, hinted
from ryft_core.primitives.nested import extended
from ryft_core.primitives.operands import as_value
from ryft_core.programs.atoms import Literal, Value
from ryft_core.programs.programs import Program
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import promote_types

__all__ = [
    "Body",
    "converted",
    "known_scalar",
    "share_constants",
    "stable_types",
    "structure_of",
    "trace_body",
    "visible",
]


class Body:
    """Traced function.

    Attributes:
        program: What it computes; values that it captured are the leading inputs.
        captured: These values.
        structure: Structure of its results.
    """

    __slots__ = ("captured", "program", "structure")

    def __init__(self, program: Program, captured: list[Any], structure: trees.Structure) -> None:
        self.program = program
        self.captured = captured
        self.structure = structure


def structure_of(*arguments: Any) -> trees.Structure:
    """Returns the structure of positional arguments."""
    return trees.flatten((arguments, {}))[1]


def trace_body(function: Callable[..., Any], arguments: trees.Structure, types: Sequence[ArrayType]) -> Body:
    """Traces a function for arguments of a structure and of `types`."""
    flat = FlatFunction(function, arguments)
    program, captured = trace_program(flat, types, function_name(function))
    return Body(program, captured, flat.structure)


def converted(body: Body, types: Sequence[ArrayType]) -> Body:
    """Returns `body` with those outputs converted whose element type is not that of `types`."""
    outputs = body.program.output_types
    if all(output.dtype == type.dtype for output, type in zip(outputs, types, strict=True)):
        return body

    def function(*operands: Any) -> list[Any]:
        results = body.program.evaluate(*operands)
        return [convert(value, type.dtype) for value, type in zip(results, types, strict=True)]

    program, _ = trace_program(function, body.program.input_types, body.program.name)
    return Body(program, body.captured, body.structure)


def stable_types(before: Sequence[ArrayType], after: Sequence[ArrayType]) -> list[ArrayType]:
    """Returns types for a carry, given those before and after a step: weakly typed ones give way to the other's."""
    types: list[ArrayType] = []
    for old, new in zip(before, after, strict=True):
        if old.shape != new.shape or not old.weak:
            types.append(old)
        elif old.dtype == new.dtype:
            types.append(new if not new.weak else old)
        else:
            types.append(ArrayType(old.shape, *promote_types(old.dtype, old.weak, new.dtype, new.weak)))
    return types


def check_carry(name: str, carry: trees.Structure, before: Sequence[ArrayType], body: Body, count: int) -> None:
    """Checks that a step returns a carry of the types that it takes; a weakly typed result may be converted.

    Args:
        name: Name of the loop, for the message.
        carry: Structure of the carry.
        before: Types of the carry before the step.
        body: The step; the first `count` outputs are the new carry.
        count: Number of arrays in the carry.
    """
    after = body.program.output_types[:count]
    lines: list[str] = []
    for path, old, new in zip(carry.paths, before, after, strict=True):
        fits = old.shape == new.shape and (
            old.dtype == new.dtype
            or (new.weak and promote_types(old.dtype, old.weak, new.dtype, new.weak)[0] == old.dtype)
        )
        if not fits:
            lines.append(f"`carry{path}` is {old} before it and {new} after it")
    if lines:
        raise hinted(
            StructureError(
                f"`{name}` expected a step to return a carry of the types that it took, but " + ", and ".join(lines)
            ),
            "convert the initial value or the result, for example with `astype` or `reshape`",
        )


def check_structure(name: str, what: str, expected: trees.Structure, actual: trees.Structure) -> None:
    """Raises an error if the structure of `what` is not as expected.

    Raises:
        StructureError: If it is not; the message tells where.
    """
    if expected != actual:
        difference = trees.structure_difference(expected, actual)
        raise StructureError(f"`{name}` expected {what}, but: {difference}")


def share_constants(bodies: Sequence[Body]) -> tuple[list[Program], list[Any]]:
    """Returns programs that all take the values captured by any of them as leading inputs, and these values."""
    values: dict[int, Any] = {}
    for body in bodies:
        values.update((id(value), value) for value in body.captured)
    places = {key: place for place, key in enumerate(values)}
    types = [value.type for value in values.values()]
    programs: list[Program] = []
    for body in bodies:
        count = len(body.captured)
        operands = len(body.program.inputs) - count
        order = [places[id(value)] for value in body.captured] + [len(types) + i for i in range(operands)]
        programs.append(extended(body.program, order, [*types, *body.program.input_types[count:]]))
    return programs, list(values.values())


def known_scalar(value: Any) -> Any:
    """Returns the Python scalar that a value is, or `None` if it is not known yet."""
    while type(value) is JvpTracer:
        value = value.primal
    if isinstance(value, Literal):
        return value.value.item()
    return value.item() if isinstance(value, DeviceArray) else None


def visible(value: Any) -> Any:
    """Returns a result as the user sees it: an array, also where it is a literal or a number."""
    array = value if isinstance(value, Value) else as_value(value)
    if not isinstance(array, Literal):
        return array
    with using_trace(STATE.base):
        return concrete(array)


def array_leaves(tree: Any, name: str, what: str) -> tuple[list[Any], trees.Structure]:
    """Returns the leaves of the argument of `name` called `what` as arrays, and its structure.

    Raises:
        OperandError: If a leaf is not an array or a number; the message names its place.
    """
    leaves, structure = trees.flatten(tree)
    values: list[Any] = []
    for leaf, path in zip(leaves, structure.paths, strict=True):
        try:
            values.append(as_value(leaf))
        except OperandError:
            raise hinted(
                OperandError(
                    f"`{name}` expected arrays, but `{what}{path}` is a `{type(leaf).__name__}`: {leaf!r:.80}"
                ),
                "let the function capture what is not an array",
            ) from None
    return values, structure


def check_callable(name: str, **functions: Any) -> None:
    """Raises an error if one of the arguments of `name` is not a function.

    Raises:
        OperandError: If one is not; the message names it.
    """
    for what, function in functions.items():
        if not callable(function):
            raise hinted(
                OperandError(
                    f"`{name}` expected a function for `{what}`, but got a `{type(function).__name__}`: "
                    f"{function!r:.80}"
                ),
                "wrap a value in a function, for example `lambda: 1.0`",
            )


def scalar_operand(value: Any, name: str, what: str) -> Value:
    """Returns the operand of `name` called `what` as an array, which must be a scalar.

    Raises:
        ShapeError: If it is not.
    """
    operand = as_value(value)
    if operand.type.shape != ():
        raise hinted(
            ShapeError(f"`{name}` expected a scalar {what}, but got one of shape {operand.type.shape}"),
            "use `where` to choose for each element, or `vmap`",
        )
    return operand


from ryft_core.arrays import DeviceArray  # noqa: E402 (arrays are built on primitives)
from ryft_core.errors import ShapeError  # noqa: E402
from ryft_core.primitives.conversions import convert  # noqa: E402
from ryft_core.tracing.evaluation import concrete  # noqa: E402
from ryft_core.tracing.tracers import trace_program  # noqa: E402
from ryft_core.tracing.traces import STATE, using_trace  # noqa: E402
from ryft_core.transforms.functions import FlatFunction, function_name  # noqa: E402
from ryft_core.transforms.jvp import JvpTracer  # noqa: E402
