"""Functions that are one kernel when they are applied to concrete arrays, however many primitives they consist of."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar, cast

from ryft_core.errors import OperandError, hinted
from ryft_core.tracing.traces import STATE

__all__ = ["fused"]

F = TypeVar("F", bound=Callable[..., Any])


class Fused:
    """Function whose keyword-only arguments are static; the other ones are arrays."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.compiled: Any = None
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if STATE.trace is not STATE.base:
            return self.function(*args, **kwargs)
        compiled = self.compiled
        if compiled is None:
            compiled = self._compile()
        for value in args:
            if type(value) is list:
                error = OperandError(f"`{self.function.__name__}` expected an array or a number, but got a `list`")
                raise hinted(error, "convert it with `ryft.numpy.asarray`")
        return compiled(*args, **kwargs)

    def _compile(self) -> Any:
        from ryft_core.transforms.jit import jit  # `jit` is built on arrays, whose methods are fused functions.

        parameters = inspect.signature(self.function).parameters.values()
        names = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
        self.compiled = jit(self.function, static_argnames=names)
        return self.compiled


def fused(function: F) -> F:
    """Returns `function`, which is compiled as a whole where it is applied to concrete arrays.

    Positional arguments must be arrays, and keyword-only arguments hashable constants. Inside a transformed function
    it is simply called.
    """
    return cast("F", Fused(function))
