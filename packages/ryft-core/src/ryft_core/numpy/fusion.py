"""Functions that are one kernel when they are applied to concrete arrays, however many primitives they consist of."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

import numpy

from ryft_core.errors import OperandError, hinted
from ryft_core.primitives.operands import literal
from ryft_core.programs.atoms import Value
from ryft_core.tracebacks import leaving
from ryft_core.tracing.traces import STATE
from ryft_core.types.data_types import bit_width

__all__ = ["fused"]

F = TypeVar("F", bound=Callable[..., Any])


class Fused:
    """Function whose positional-only arguments are arrays; the other ones are static."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.compiled: Any = None
        parameters = inspect.signature(function).parameters.values()
        self.arrays = sum(parameter.kind is parameter.POSITIONAL_ONLY for parameter in parameters)
        self.statics = [parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY]
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if STATE.trace is not STATE.base:
            return self.function(*args, **kwargs)
        compiled = self.compiled
        if compiled is None:
            compiled = self._compile()
        if len(args) > self.arrays:
            # Static arguments are passed by name; a call with too many fails in the function itself.
            named = dict(zip(self.statics, args[self.arrays :], strict=False))
            if len(named) < len(args) - self.arrays or not named.keys().isdisjoint(kwargs):
                return self.function(*args, **kwargs)
            args, kwargs = args[: self.arrays], {**named, **kwargs}
        for place, value in enumerate(args):
            if type(value) in _SCALARS:
                args = (*args[:place], _scalar(value, args), *args[place + 1 :])
            elif type(value) is list:
                error = OperandError(f"`{self.function.__name__}` expected an array or a number, but got a `list`")
                raise hinted(error, "convert it with `ryft.numpy.asarray`")
        if kwargs:
            kwargs = {name: tuple(value) if type(value) is list else value for name, value in kwargs.items()}
        try:
            return compiled(*args, **kwargs)
        except Exception as error:
            leaving(error, None, None)
            raise

    def __reduce__(self) -> str:
        return self.function.__qualname__  # It is where the function would be.

    def _compile(self) -> Any:
        from ryft_core.transforms.jit import jit_eagerly  # `jit` is built on arrays, whose methods are fused functions.

        self.compiled = jit_eagerly(self.function, self.statics)
        return self.compiled


_SCALARS = frozenset({int, float, complex})


def _scalar(value: complex, operands: tuple[Any, ...]) -> Any:
    """Returns a Python scalar among operands as precise as the widest of them: by itself it would get 32 bits."""
    types = [operand.type for operand in operands if isinstance(operand, Value)]
    if isinstance(value, int):
        if any(type.kind in "iu" and bit_width(type.dtype) == 64 for type in types) and -(2**63) <= value < 2**63:
            return literal(value, numpy.dtype("int64"), True)
        if any(type.kind in "fc" for type in types) and not -(2**31) <= value < 2**31:
            return _scalar(float(value), operands)
    elif any(type.dtype in _WIDE for type in types):
        return literal(value, _WIDE[1 if isinstance(value, complex) else 0], True)
    return value


_WIDE = (numpy.dtype("float64"), numpy.dtype("complex128"))


def fused(function: F) -> F:
    """Returns `function`, which is compiled as a whole where it is applied to concrete arrays.

    Positional-only arguments must be arrays or structures of arrays, and the other ones hashable constants. Inside a
    transformed function it is simply called.
    """
    return cast("F", Fused(function))
