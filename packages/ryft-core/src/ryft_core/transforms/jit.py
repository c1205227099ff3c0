"""`jit`: functions that are traced once for each signature, compiled, and then dispatched with little overhead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from threading import Event, Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar, overload
from weakref import WeakSet

from ryft_core import trees
from ryft_core._native import Dispatcher
from ryft_core.arrays import DeviceArray, device_array
from ryft_core.callback_execution import calls_back, run_with_callbacks
from ryft_core.compilation import Kernel
from ryft_core.dispatch import on_one_device, raw_order
from ryft_core.errors import RyftError, hinted
from ryft_core.primitives.calls import Call
from ryft_core.primitives.operands import value_or_literal
from ryft_core.programs.atoms import Literal, Value
from ryft_core.tracebacks import boundary, leaving
from ryft_core.tracing.evaluation import HOST_SECONDS, concrete, is_cheap_on_host
from ryft_core.tracing.tracers import Tracer, trace_program
from ryft_core.tracing.traces import STATE
from ryft_core.transforms.batching import mapped_axes
from ryft_core.transforms.functions import FlatFunction, argument_leaves, check_function, function_name, positive
from ryft_core.transforms.scopes import immediate
from ryft_core.transforms.signatures import CallSignature, Miss, Parameters, SignatureError, explain_miss, split_statics
from ryft_core.transforms.stages import CompileChoices, Traced, type_of
from ryft_core.types.data_types import are_defaults_scoped, default_bits, watch_defaults

__all__ = ["CacheInfo", "JitFunction", "TraceBudgetError", "jit", "jit_eagerly"]

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
S = TypeVar("S")
T = TypeVar("T")


class TraceBudgetError(RyftError, RuntimeError):
    """A jitted function was called with more different signatures than `max_traces` allows."""


class CacheInfo(NamedTuple):
    """What the cache of a jitted function holds and has done.

    Attributes:
        hits: Number of calls that ran a program that was there already.
        misses: Number of calls for which the function was traced.
        traces: Number of traced programs that are kept.
        limit: Largest number of them, if there is one.
    """

    hits: int
    misses: int
    traces: int
    limit: int | None


class JitFunction(Dispatcher, Generic[P, R]):
    """Function that `jit` returned. Calls with arguments of a known signature run a compiled program.

    It can be called from any number of threads, be a method of a class, and be pickled if the function can.

    The option `eager`, which only Ryft's own functions have, says that the function is called like a primitive: on
    many shapes, a few times each. So what is small is compiled with less effort, or computed on the host.
    """

    def __init__(self, function: Callable[P, R], options: dict[str, Any]) -> None:
        check_function("jit", function)
        self.function = function
        self._options = options
        name = function_name(function)
        self._parameters = parameters = Parameters(function, name)
        self._statics = parameters.select(options["static_argnums"], options["static_argnames"], "static")
        donated = parameters.select(options["donate_argnums"], options["donate_argnames"], "donate")
        both = sorted(self._statics.numbers & donated.numbers) or sorted(self._statics.names & donated.names)
        if both:
            named = [parameters.name(each) if isinstance(each, int) else each for each in both]
            raise SignatureError(f"argument `{named[0]}` of `{name}` is static, and cannot be donated as well")
        self._choices = CompileChoices(donated.numbers, donated.names, options["keep_unused"], options["eager"])
        self._device = options["device"]
        self._inline = options["inline"]
        limit = options["max_traces"]
        self._max_traces: int | None = None if limit is None else positive(limit, "max_traces")
        self._static_positions = tuple(
            place in self._statics.numbers for place in range(max(self._statics.numbers, default=-1) + 1)
        )
        self._static_names = self._statics.names
        self._donates = bool(donated.numbers or donated.names)
        self._traces: dict[CallSignature, Traced] = {}
        self._tracing: dict[CallSignature, Event] = {}
        self._lock = Lock()
        self._misses = 0
        self._slow_hits = 0
        self._last_miss: tuple[CallSignature, list[CallSignature]] | None = None
        update_wrapper(self, function, updated=())
        _FUNCTIONS.add(self)

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

        @overload
        def __get__(self, instance: None, owner: type, /) -> JitFunction[P, R]: ...

        @overload
        def __get__(
            self: JitFunction[Concatenate[Any, ...], T], instance: object, owner: type | None = None, /
        ) -> Callable[..., T]: ...

        def __get__(self, instance: Any, owner: Any = None, /) -> Any: ...

    def __reduce__(self) -> tuple[Any, ...]:
        return JitFunction, (self.function, self._options)

    def __repr__(self) -> str:
        return f"jit({self.function!r})"

    # --- stages and the cache ---

    @boundary("jit")
    def trace(self, *args: P.args, **kwargs: P.kwargs) -> Traced:
        """Traces the function without running it, and returns the first of the stages trace, lower, compile.

        In place of an array there may be an `ArrayType`, or anything else with a `shape` and a `dtype`.
        """
        statics, rest, named = split_statics(args, kwargs, self._statics, self._parameters)
        leaves, structure = trees.flatten_arguments(rest, named)
        types = tuple([type_of(leaf) for leaf in leaves])
        return self._trace(CallSignature(structure, types, statics, bits=default_bits()))

    def lower(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Returns `trace(...).lower()`."""
        return self.trace(*args, **kwargs).lower()

    def cache_info(self) -> CacheInfo:
        """Returns what the cache holds and has done."""
        return CacheInfo(self._hits + self._slow_hits, self._misses, len(self._traces), self._max_traces)

    def clear_cache(self) -> None:
        """Forgets all traced and compiled programs."""
        with self._lock:
            self._traces.clear()
            self._forget()
            self._misses = self._slow_hits = 0
            self._last_miss = None

    def explain_last_miss(self) -> Miss | None:
        """Returns why the function was last traced, as differences to the nearest signature that was known.

        Returns `None` if it was never traced.
        """
        last = self._last_miss
        return None if last is None else explain_miss(*last, self._parameters)

    # --- calls that the native dispatcher does not know ---

    def _miss(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Does what a call does, when the native dispatcher does not know its signature or something is traced."""
        try:
            return self._call(args, kwargs)
        except Exception as error:
            leaving(error, None if self._choices.is_eager else "jit", self.function)
            raise

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outside = STATE.trace is STATE.base
        if not outside and immediate():
            return self.function(*args, **kwargs)  # pyright: ignore[reportCallIssue]
        statics, rest, named = split_statics(args, kwargs, self._statics, self._parameters)
        leaves, structure = trees.flatten_arguments(rest, named)
        values = argument_leaves(leaves, structure, self.function)
        types = tuple([value.type for value in values])
        signature = CallSignature(structure, types, statics, () if outside else mapped_axes(), default_bits())
        traced = self._traces.get(signature)
        if traced is None:
            traced = self._traced_once(signature)
        else:
            self._slow_hits += 1
        if not outside:
            operands = [*traced.captured, *values]
            results = traced.program.evaluate(*operands) if self._inline else Call(traced.program).bind(*operands)
            return traced.structure.unflatten(results)
        if traced.is_eager and traced.seconds_on_host < HOST_SECONDS and is_cheap_on_host(traced.program):
            started = perf_counter()
            results = traced.program.evaluate(*traced.captured, *values)
            traced.seconds_on_host += perf_counter() - started
            return traced.structure.unflatten([concrete(result) for result in results])
        if self._donates:
            given = [leaf if type(leaf) is DeviceArray else _unshared(leaf) for leaf in leaves]
        else:
            given = [concrete(value) for value in values]
        arrays = on_one_device(leaves, given, self._device)
        compiled = traced.compiled(arrays[0].device if arrays else self._device)
        if calls_back(traced.program):
            return traced.structure.unflatten(run_with_callbacks(compiled.kernel, compiled.inputs(arrays)))
        leaf_order = raw_order(args, kwargs, self._is_static)
        order = [leaf_order[number] if number >= 0 else number for number in compiled.order]
        captured = compiled.entry.captured
        entry = compiled.kernel.entry(traced.structure, len(arrays), order, captured)
        # The native dispatcher does not look at the default data types: it must know none but those of the process.
        plain = not are_defaults_scoped()
        if plain and all(array is as_given for array, as_given in zip(arrays, given, strict=True)):
            self._remember(args, kwargs, entry)
        raw: list[Any] = [None] * len(arrays)
        for number, array in zip(leaf_order, arrays, strict=True):
            raw[number] = array
        return entry.run(self, tuple(raw))

    def _is_static(self, place: int | str) -> bool:
        return place in self._statics.numbers or place in self._statics.names

    def _traced_once(self, signature: CallSignature) -> Traced:
        """Traces, unless another thread does so for the same signature: then waits for that one."""
        mine = Event()
        with self._lock:
            tracing = self._tracing.setdefault(signature, mine)
        if tracing is not mine:
            # A thread that traces never waits, so threads cannot wait for one another.
            if STATE.trace is STATE.base:
                tracing.wait(timeout=60)
            return self._traces.get(signature) or self._trace(signature)
        try:
            return self._traces.get(signature) or self._trace(signature)
        finally:
            self._tracing.pop(signature, None)
            mine.set()

    def _trace(self, signature: CallSignature) -> Traced:
        known = list(self._traces)
        self._misses += 1
        self._last_miss = (signature, known)
        if self._max_traces is not None and len(known) >= self._max_traces:
            error = TraceBudgetError(
                f"`{self._parameters.function}` may be traced for {self._max_traces} signature(s), but got another one"
            )
            error.add_note(str(explain_miss(signature, known, self._parameters)))
            raise hinted(error, "keep shapes and static values the same, or raise `max_traces`")
        positional = [(place, value) for place, _, value in signature.statics if isinstance(place, int)]
        named = {place: value for place, _, value in signature.statics if isinstance(place, str)}

        def function(*args: Any, **kwargs: Any) -> Any:
            arguments = list(args)
            for place, value in positional:
                arguments.insert(place, value)
            return self.function(*arguments, **kwargs, **named)  # pyright: ignore[reportCallIssue]

        function.__name__ = self._parameters.function
        names = partial(self._parameters.names_of_leaves, signature)
        flat = FlatFunction(function, signature.structure, names=names)
        program, captured = trace_program(flat, signature.types, self._parameters.function)
        traced = Traced(self._parameters, program, captured, signature, flat.structure, self._choices)
        if any(isinstance(value, Tracer) for value in captured):
            return traced  # It belongs to the trace around, and must not outlive it.
        return self._traces.setdefault(signature, traced)

    def input_name(self, kernel: Kernel, place: int) -> str:
        """Returns how to call an input of one of this function's kernels in a message."""
        for traced in list(self._traces.values()):
            for compiled in traced.all_compiled():
                if compiled.kernel is kernel and compiled.order[place] >= 0:
                    return f"argument `{traced.leaf_names()[compiled.order[place]]}` of `{self._parameters.function}`"
        return f"an array that `{self._parameters.function}` captured"


_FUNCTIONS: WeakSet[JitFunction[..., Any]] = WeakSet()


def _forget_dispatched() -> None:
    for function in list(_FUNCTIONS):
        function._forget()


watch_defaults(_forget_dispatched)


def _unshared(value: Any) -> DeviceArray:
    """Returns a number or NumPy array as an array that nothing else uses, and so can be donated."""
    converted = value if isinstance(value, Value) else value_or_literal(value)
    return device_array(converted) if type(converted) is Literal else concrete(converted)


def jit_eagerly(function: Callable[P, S], static_argnames: Sequence[str]) -> JitFunction[P, S]:
    """Returns `function`, one of Ryft's own, compiled as `jit` does with the option `eager` of `JitFunction`."""
    options: dict[str, Any] = {**_DEFAULTS, "static_argnames": static_argnames, "eager": True}
    return JitFunction(function, options)


_DEFAULTS: dict[str, Any] = {
    "static_argnums": (),
    "static_argnames": (),
    "donate_argnums": (),
    "donate_argnames": (),
    "keep_unused": False,
    "device": None,
    "inline": False,
    "max_traces": None,
    "eager": False,
}


@overload
def jit(
    function: Callable[P, S],
    /,
    *,
    static_argnums: int | Sequence[int] = ...,
    static_argnames: str | Sequence[str] = ...,
    donate_argnums: int | Sequence[int] = ...,
    donate_argnames: str | Sequence[str] = ...,
    keep_unused: bool = ...,
    device: Any = ...,
    inline: bool = ...,
    max_traces: int | None = ...,
) -> JitFunction[P, S]: ...


@overload
def jit(
    function: None = None,
    /,
    *,
    static_argnums: int | Sequence[int] = ...,
    static_argnames: str | Sequence[str] = ...,
    donate_argnums: int | Sequence[int] = ...,
    donate_argnames: str | Sequence[str] = ...,
    keep_unused: bool = ...,
    device: Any = ...,
    inline: bool = ...,
    max_traces: int | None = ...,
) -> Callable[[Callable[P, S]], JitFunction[P, S]]: ...


def jit(
    function: Callable[..., Any] | None = None,
    /,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    donate_argnames: str | Sequence[str] = (),
    keep_unused: bool = False,
    device: Any = None,
    inline: bool = False,
    max_traces: int | None = None,
) -> Any:
    """Returns `function`, compiled when it is first called with arguments of a signature.

    A signature is the structure of the arguments, the shape and element type of each array in them, and the values of
    static arguments. `function` is called with tracers to find out what it computes, so its side effects happen then
    only. Without `function`, returns a decorator with the given options.

    Arguments that the results do not depend on are neither copied nor passed on. A call inside another traced function
    becomes one call of one function there.

    Example:
        >>> @jit(static_argnames="count")
        ... def repeat(x, count):
        ...     return sum(x for _ in range(count))
        >>> repeat(2.0, count=3).item()
        6.0

    Args:
        function: Function of arrays and structures of arrays.
        static_argnums: Positions of arguments that are hashable constants; each new value is compiled anew. An
            argument that is selected by its position is also static when it is given by name, and the other way round.
        static_argnames: Names of such arguments.
        donate_argnums: Positions of arguments whose memory may be used for the results. They cannot be used afterwards.
        donate_argnames: Names of such arguments.
        keep_unused: Whether arguments that the results do not depend on stay parameters of the compiled program.
        device: Device to run on; arguments are copied there. By default, that of the first array.
        inline: Whether a call inside another traced function leaves its equations there, not a call of a function.
        max_traces: Number of signatures after which another one is an error that tells how it differs.

    Raises:
        ArgumentTypeError: If `function` is no function, or `max_traces` no integer.
        SignatureError: If an option names an argument that the function does not have, or an argument is both static
            and donated.
        OperandError: When called, if an argument that is not static is not an array.
        TraceBudgetError: When called, if the function would be traced more than `max_traces` times.
        DonatedError: When called, if an argument was donated before.
    """
    options: dict[str, Any] = {
        **_DEFAULTS,
        "static_argnums": static_argnums,
        "static_argnames": static_argnames,
        "donate_argnums": donate_argnums,
        "donate_argnames": donate_argnames,
        "keep_unused": keep_unused,
        "device": device,
        "inline": inline,
        "max_traces": max_traces,
    }
    if function is None:
        return lambda function: JitFunction(function, options)
    return JitFunction(function, options)
