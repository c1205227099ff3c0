"""`jit`: functions that are traced once for each signature, compiled, and then dispatched with little overhead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any, Generic, ParamSpec, TypeVar

from ryft_core import trees
from ryft_core._native import Dispatcher
from ryft_core.callback_execution import calls_back, run_with_callbacks
from ryft_core.compilation import Kernel, compile_program
from ryft_core.dispatch import raw_order
from ryft_core.errors import OperandError, hinted
from ryft_core.primitives.calls import Call
from ryft_core.programs.atoms import Value
from ryft_core.programs.programs import Program
from ryft_core.tracing.evaluation import concrete
from ryft_core.tracing.tracers import Tracer, trace_program
from ryft_core.tracing.traces import STATE
from ryft_core.transforms.batching import mapped_axes
from ryft_core.transforms.functions import FlatFunction, argument_leaves, function_name
from ryft_core.transforms.scopes import immediate
from ryft_core.types.array_types import ArrayType

__all__ = ["JitFunction", "jit"]

P = ParamSpec("P")
R = TypeVar("R")


class Traced:
    """One trace of a function: its program for one signature.

    Attributes:
        program: The program; captured values are its leading inputs.
        captured: Values of these inputs.
        structure: Structure of the results.
    """

    __slots__ = ("captured", "kernel", "program", "structure")

    def __init__(self, program: Program, captured: list[Any], structure: trees.Structure) -> None:
        self.program = program
        self.captured = captured
        self.structure = structure
        self.kernel: Kernel | None = None


class JitFunction(Dispatcher, Generic[P, R]):
    """Function that `jit` returned. Calls with arguments of a known signature run a compiled program."""

    def __init__(
        self,
        function: Callable[P, R],
        static_argnums: Sequence[int],
        static_argnames: Sequence[str],
        donate_argnums: Sequence[int],
        inline: bool,
    ) -> None:
        self.function = function
        self.static_argnums = tuple(static_argnums)
        self.static_argnames = frozenset(static_argnames)
        self.donate_argnums = frozenset(donate_argnums)
        self.inline = inline
        self._has_statics = bool(self.static_argnums or self.static_argnames)
        self._traces: dict[Any, Traced] = {}
        self._static_places = {*self.static_argnums, *self.static_argnames}
        self._static_positions = tuple(i in self._static_places for i in range(max([*self.static_argnums, -1]) + 1))
        self._static_names = self.static_argnames
        update_wrapper(self, function)

    def _miss(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Does what a call does, when the native dispatcher does not know its signature or something is traced."""
        outside = STATE.trace is STATE.base
        if not outside and immediate() is not None:
            return self.function(*args, **kwargs)
        statics, rest, named = self._split_statics(args, kwargs)
        leaves, structure = trees.flatten_arguments(rest, named)
        values = argument_leaves(leaves, structure, self.function)
        key = (structure, *[value.type for value in values], *statics)
        if not outside:
            key = (*key, *mapped_axes())
        traced = self._traces.get(key)
        if traced is None:
            traced = self._trace(key, structure, [value.type for value in values], statics)
        if not outside:
            operands = [*traced.captured, *values]
            results = traced.program.evaluate(*operands) if self.inline else Call(traced.program).bind(*operands)
            return traced.structure.unflatten(results)
        if traced.kernel is None:
            traced.kernel = compile_program(traced.program, self._donated(structure, len(traced.captured)))
            traced.captured = [concrete(value) for value in traced.captured]
        if calls_back(traced.kernel.program):
            arrays = [*traced.captured, *map(concrete, values)]
            return traced.structure.unflatten(run_with_callbacks(traced.kernel, arrays))
        order = raw_order(args, kwargs, lambda place: place in self._static_places)
        captured = traced.captured
        positions = [-1 - index for index in range(len(captured))] + order
        entry = traced.kernel.entry(traced.structure, len(leaves), positions, captured)
        self._remember(args, kwargs, entry)
        raw: list[Any] = [None] * len(order)
        for number, value in zip(order, values, strict=True):
            raw[number] = concrete(value)
        return entry.run(self, tuple(raw))

    def _split_statics(self, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any]]:
        """Returns the static arguments with their places, and the other ones."""
        if not self._has_statics:
            return (), args, kwargs
        numbers = {number % len(args) for number in self.static_argnums if -len(args) <= number < len(args)}
        statics = [(number, args[number]) for number in sorted(numbers)]
        statics += [(name, kwargs[name]) for name in sorted(self.static_argnames & kwargs.keys())]
        for place, value in statics:
            try:
                hash(value)
            except TypeError:
                raise hinted(
                    OperandError(
                        f"static argument `{place}` of `{function_name(self.function)}` is a `{type(value).__name__}`, "
                        f"which is not hashable: {value!r:.80}"
                    ),
                    "pass a tuple instead of a list, or do not make the argument static",
                ) from None
            if isinstance(value, Value):
                raise OperandError(f"static argument `{place}` of `{function_name(self.function)}` is an array")
        rest = tuple(value for number, value in enumerate(args) if number not in numbers)
        named = {name: value for name, value in kwargs.items() if name not in self.static_argnames}
        # The type is part of the key, because 1 == 1.0 == True.
        return tuple((place, type(value), value) for place, value in statics), rest, named

    def _trace(self, key: Any, structure: trees.Structure, types: list[ArrayType], statics: Any) -> Traced:
        positional = {place: value for place, _, value in statics if isinstance(place, int)}
        named = {place: value for place, _, value in statics if isinstance(place, str)}

        def function(*args: Any, **kwargs: Any) -> Any:
            arguments = list(args)
            for place, value in positional.items():
                arguments.insert(place, value)
            return self.function(*arguments, **kwargs, **named)  # pyright: ignore[reportCallIssue]

        function.__name__ = function_name(self.function)
        flat = FlatFunction(function, structure)
        program, captured = trace_program(flat, types, function_name(self.function))
        traced = Traced(program, captured, flat.structure)
        if not any(isinstance(value, Tracer) for value in captured):
            self._traces[key] = traced
        return traced

    def _donated(self, structure: trees.Structure, offset: int) -> list[int]:
        return [
            offset + index
            for index, path in enumerate(structure.paths)
            if path[0] == trees.Index(0) and path[1].index in self.donate_argnums
        ]


def jit(
    function: Callable[P, R],
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    inline: bool = False,
) -> JitFunction[P, R]:
    """Returns `function`, compiled when it is first called with arguments of a signature.

    A signature is the structure of the arguments, the shape and element type of each array in them, and the values of
    static arguments. `function` is called with tracers to find out what it computes, so its side effects happen then
    only.

    Args:
        function: Function of arrays and structures of arrays.
        static_argnums: Positions of arguments that are hashable constants; each new value is compiled anew.
        static_argnames: Names of keyword arguments that are.
        donate_argnums: Positions of arguments whose memory may be used for the results. They cannot be used afterwards.
        inline: Whether a call inside another traced function leaves its equations there, not a call of a function.

    Raises:
        OperandError: When called, if an argument that is not static is not an array.
    """
    return JitFunction(
        function,
        (static_argnums,) if isinstance(static_argnums, int) else static_argnums,
        (static_argnames,) if isinstance(static_argnames, str) else static_argnames,
        (donate_argnums,) if isinstance(donate_argnums, int) else donate_argnums,
        inline,
    )
