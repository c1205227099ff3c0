"""From functions of structures to functions of arrays: what every transformation does first and last."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy

from ryft_core import trees
from ryft_core.errors import (
    ArgumentError,
    ArgumentTypeError,
    IntegerRangeError,
    OperandError,
    TracerError,
    hinted,
)
from ryft_core.primitives.operands import as_value
from ryft_core.programs.atoms import Value
from ryft_core.tracing.evaluation import concrete

__all__ = [
    "FlatFunction",
    "argument_leaves",
    "check_function",
    "described",
    "function_name",
    "integer",
    "positions",
    "positive",
]


class FlatFunction:
    """Function of arrays: puts its operands into the structure of arguments, calls, and takes the results apart.

    Attributes:
        structure: Structure of the last call's results; of `(results, auxiliary)` if `has_aux`.
        auxiliary: The auxiliary data of the last call, if `has_aux`.
    """

    __slots__ = ("_arguments", "_function", "_has_aux", "_names", "auxiliary", "structure")

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: trees.Structure,
        *,
        has_aux: bool = False,
        names: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._names = names
        self._function = function
        self._arguments = arguments
        self._has_aux = has_aux
        self.structure: Any = None
        self.auxiliary: Any = None

    def __call__(self, *operands: Any) -> list[Value]:
        args, kwargs = self._arguments.unflatten(operands)
        results = self._function(*args, **kwargs)
        if self._has_aux:
            if not isinstance(results, tuple | list) or len(results) != 2:
                raise hinted(
                    OperandError(
                        f"`{function_name(self._function)}` with `has_aux=True` expected a result "
                        f"`(output, auxiliary)`, but got {described(results)}"
                    ),
                    "return a pair, or leave `has_aux` out",
                )
            results, self.auxiliary = results
        leaves, self.structure = trees.flatten(results)
        return [as_result(leaf, self._function) for leaf in leaves]

    def argument_name(self, index: int) -> str:
        """Returns how to call the argument that operand `index` is a leaf of, in a message."""
        name = argument_path(self._arguments, index) if self._names is None else self._names()[index]
        return f"argument `{name}` of `{function_name(self._function)}`"


def as_result(leaf: Any, function: Callable[..., Any]) -> Value:
    """Returns a leaf of a function's results as an array."""
    if isinstance(leaf, Value):
        return leaf
    try:
        return as_value(leaf)
    except IntegerRangeError as error:
        error.add_note(f"in what `{function_name(function)}` returned")
        raise
    except OperandError:
        raise hinted(
            OperandError(
                f"`{function_name(function)}` returned {described(leaf)}, which is not an array: {leaf!r:.80}"
            ),
            "a transformed function returns arrays, numbers, and structures of them",
        ) from None


def argument_leaves(leaves: Sequence[Any], structure: trees.Structure, function: Callable[..., Any]) -> list[Value]:
    """Returns the leaves of arguments as arrays.

    Raises:
        OperandError: If one is not an array or a number; the message names its place.
    """
    values: list[Value] = []
    for index, leaf in enumerate(leaves):
        try:
            values.append(leaf if isinstance(leaf, Value) else concrete(as_value(leaf)))
        except IntegerRangeError as error:
            error.add_note(f"in argument `{argument_path(structure, index)}` of `{function_name(function)}`")
            raise
        except OperandError as error:
            place = f"argument `{argument_path(structure, index)}` of `{function_name(function)}`"
            if isinstance(leaf, numpy.ndarray | numpy.generic):
                raise OperandError(f"{place}: {error}") from None  # An array, but not of numbers.
            raise hinted(
                OperandError(f"{place} is {described(leaf)}, which is not an array: {leaf!r:.80}"),
                "pass arrays, numbers, and structures of them; name other arguments in `static_argnames`",
            ) from None
    return values


def argument_path(structure: trees.Structure, index: int) -> str:
    """Returns the place of a leaf among arguments, such as `args[0].weight`."""
    path = structure.paths[index]
    kind, *rest = path
    return f"{'args' if kind == trees.Index(0) else 'kwargs'}{trees.Path(rest)}"


def function_name(function: Callable[..., Any]) -> str:
    """Returns the name of a function, for people."""
    return getattr(function, "__name__", None) or type(function).__name__


def described(value: Any) -> str:
    """Returns what a value is, for people: "an array", "a tuple of 3", or "a `str`"."""
    if isinstance(value, Value):
        return "an array"
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return f"a {type(value).__name__} of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
    return "`None`" if value is None else f"a `{type(value).__name__}`"


def check_function(name: str, function: Any) -> None:
    """Checks what a transformation is to transform.

    Raises:
        ArgumentTypeError: If it cannot be called.
    """
    if not callable(function):
        raise hinted(
            ArgumentTypeError(f"`{name}` expected a function, but got {described(function)}: {function!r:.80}"),
            f"pass the function itself: `{name}(f)(x)`, not `{name}(f(x))`",
        )


def integer(value: Any, option: str) -> int:
    """Returns an option that must be an integer; NumPy's are as good as Python's.

    Raises:
        ArgumentTypeError: If it is not.
        TracerError: If it is traced, and so not known yet.
    """
    try:
        return operator.index(value)
    except TracerError:
        raise  # It says where the value comes from.
    except TypeError:
        raise ArgumentTypeError(f"`{option}` expected an integer, but got {described(value)}: {value!r:.80}") from None


def positive(value: Any, option: str) -> int:
    """Returns an option that must be a positive integer.

    Raises:
        ArgumentTypeError: If it is not an integer.
        ArgumentError: If it is not positive.
    """
    number = integer(value, option)
    if number < 1:
        raise ArgumentError(f"`{option}` expected a positive integer, but got {number}")
    return number


def positions(value: Any, option: str) -> tuple[int, ...]:
    """Returns the positions of arguments that an option names: an integer, or a sequence of integers.

    Raises:
        ArgumentTypeError: If it is neither.
    """
    if isinstance(value, Iterable) and not isinstance(value, str):
        return tuple(integer(each, option) for each in value)  # pyright: ignore[reportUnknownVariableType]
    return (integer(value, option),)
