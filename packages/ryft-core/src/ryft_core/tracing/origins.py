"""Origins of traced values: which argument one is, or which line computed it. Only errors ask for them."""

from __future__ import annotations

from typing import Any, TypeVar

from ryft_core.errors import LeakedTracerError, TracerError, hinted
from ryft_core.programs.atoms import Value

__all__ = ["leaked", "not_concrete", "origin_of"]

E = TypeVar("E", bound=Exception)


_HINTS = {
    "`bool`": "use `ryft.numpy.where` or `ryft.lax.cond` instead of `if`, `&`, `|` and `~` instead of `and`, `or` and "
    "`not`, or mark the argument static",
    "NumPy": "use the function of `ryft.numpy` that has the same name, or call NumPy by `ryft.pure_callback`",
    "format": "print with `ryft.debug.print`, which waits for the value",
    "index": "mark the argument static, loop with `ryft.lax.fori_loop`, or index an array of Ryft's instead of a list",
    "`int`": "keep the value an array, `x.astype(int)`, or mark the argument static where it is a size",
    "length": "mark the argument static: shapes are constants of a compiled function",
    "": "keep the value an array and use functions of `ryft.numpy` instead of those of `math`, or mark the argument "
    "static",
}
"""What to do instead of a use of a traced value; the first key that the use contains counts."""


def origin_of(value: Any) -> str | None:
    """Returns what a traced value is, such as "the value is argument `x` of `loss`", or `None` if that is not known."""
    while (inner := getattr(value, "underlying", None)) is not None:
        value = inner
    variable = getattr(value, "variable", None)
    if variable is None:
        return None
    trace = value.trace
    for index, other in enumerate(trace.inputs):
        if other is variable:
            return _input_origin(trace.function, index)
    for equation in reversed(trace.equations):
        if any(output is variable for output in equation.outputs):
            where = f" at {equation.location}" if equation.location is not None else ""
            return f"the value was computed by `{equation.primitive.name}`{where}"
    return None


def _input_origin(function: Any, index: int) -> str | None:
    argument_name = getattr(function, "argument_name", None)
    return None if argument_name is None else f"the value is {argument_name(index)}"


def not_concrete(value: Any, use: str) -> TracerError:
    """Returns the error for a traced value that was put to a `use` that needs its elements."""
    error = TracerError(f"{use} needs a concrete value, but got a traced one of type {value.type}")
    hinted(error, "inside `jit` and `vmap`, " + next(hint for key, hint in _HINTS.items() if key in use))
    return _with_origin(error, value)


def leaked(value: Value) -> LeakedTracerError:
    """Returns the error for a tracer that outlived its trace."""
    error = LeakedTracerError(
        f"a traced value of type {value.type} was used after the function that it was traced in had returned"
    )
    hinted(error, "return the value from the function instead of keeping it in a global, an attribute or a closure")
    return _with_origin(error, value)


def _with_origin(error: E, value: Value) -> E:
    origin = origin_of(value)
    if origin is not None:
        error.add_note(origin)
    return error
