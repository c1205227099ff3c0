"""Callbacks: Python functions that compiled programs call."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core import trees
from ryft_core.errors import ArgumentTypeError, OperandError, StructureError, hinted
from ryft_core.primitives.custom_calls import ForeignCall, array_type, check_vmap_method
from ryft_core.primitives.operands import as_value, scalar_for
from ryft_core.primitives.symbolic import Zero
from ryft_core.tracebacks import boundary
from ryft_core.tracing.traces import STATE, using_trace
from ryft_core.trees.nodes import is_array_leaf
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.lowering import Builder

__all__ = ["Callback", "HostFunction", "debug_callback", "debug_print", "io_callback", "pure_callback"]

TARGET = "ryft_core_callback"
"""Name that the handler of all callbacks is registered under."""


ORDER = ArrayType((1,), numpy.dtype("uint8"))
"""Type of what ordered callbacks hand on to one another."""


class Implementation:
    """Python function of NumPy arrays, with the structures of its arguments and results."""

    def __init__(
        self, function: Callable[..., Any], arguments: trees.Structure, results: trees.Structure | None
    ) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.arguments = arguments
        self.results = results

    def call(self, operands: Sequence[numpy.ndarray[Any, Any]], types: Sequence[ArrayType]) -> list[Any]:
        """Calls the function and returns the leaves of its results, which must be arrays of `types`.

        Raises:
            StructureError: If the results have another structure.
            OperandError: If a result has another shape, or another element type that does not fit the promised one.
            IntegerRangeError: If a result is a Python integer that does not fit the type.
        """
        args, kwargs = self.arguments.unflatten(operands)
        # What the function computes with Ryft is done at once, whatever this thread was tracing.
        with using_trace(STATE.base), inside_callback():
            results = self.function(*args, **kwargs)
        if self.results is None:
            return []
        leaves, structure = trees.flatten(results)
        if structure != self.results:
            difference = trees.structure_difference(self.results, structure)
            raise StructureError(f"the callback `{self.name}` returned another structure than promised: {difference}")
        paths = structure.paths
        return [self._promised(leaf, type, path) for leaf, type, path in zip(leaves, types, paths, strict=True)]

    def _promised(self, leaf: Any, promised: ArrayType, path: trees.Path) -> Any:
        """Returns a result as an array of the type that was promised, unless that could lose something."""
        array = numpy.asarray(leaf)
        if array.shape == promised.shape:
            # A Python number has no width, but still a kind and a range.
            scalar = scalar_for(leaf, promised) if type(leaf) in (int, float, complex) else None
            if scalar is not None:
                return scalar.value
            if numpy.can_cast(array.dtype, promised.dtype, "safe"):
                return array.astype(promised.dtype, copy=False)
        raise hinted(
            OperandError(
                f"the callback `{self.name}` promised {promised} for `result{path}`, but returned an array of "
                f"shape {array.shape} and element type {array.dtype.name}"
            ),
            f"convert what it returns with `astype({promised.dtype.name!r})`, or correct `result_shape_dtypes`",
        )

    def answer(self, frame: Any) -> None:
        """Answers a call by a compiled program."""
        # Copies: the memory is the runtime's, and the function may keep what it was given. An ordered call has one more
        # operand and one more result, which only say what comes before what.
        operands = [operand.array().copy() for operand in frame.operands[: self.arguments.num_leaves]]
        count = 0 if self.results is None else self.results.num_leaves
        targets = [result.array(writeable=True) for result in frame.results[:count]]
        types = [ArrayType(target.shape, target.dtype) for target in targets]
        for target, value in zip(targets, self.call(operands, types), strict=True):
            target[...] = value


class HostFunction:
    """Handle of a Python function that programs hold; equal only to itself.

    The function is kept for a while after its handle, because an execution may still be under way.
    """

    def __init__(self, implementation: Implementation) -> None:
        self.implementation = implementation
        self._number: int | None = None

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.implementation.name

    def number(self) -> int:
        """Returns the number by which compiled programs call the function. It is registered on first use."""
        if self._number is None:
            from ryft_xla_sys import ffi_calls  # Only programs with callbacks need the FFI.

            self._number = ffi_calls.register_callback(self.implementation.answer)
            weakref.finalize(self, _retire, self._number)
        return self._number


_RETIRED: deque[int] = deque()
_RETIRED_LIMIT = 256


def _retire(number: int) -> None:
    """Unregisters the function whose handle was collected longest ago, once there are many."""
    from ryft_xla_sys import ffi_calls

    _RETIRED.append(number)
    if len(_RETIRED) > _RETIRED_LIMIT:
        ffi_calls.unregister_callback(_RETIRED.popleft())


class Callback(ForeignCall):
    """Call of a Python function with the operands as NumPy arrays.

    `effect` is "none" for a function whose calls may be dropped, merged or repeated, "io" for one with side effects,
    "ordered" for one whose calls must also keep their order, and "debug" or "ordered_debug" for one that may be
    differentiated as well.
    """

    function: HostFunction
    effect: str

    name = "callback"
    calls_back = True

    @property
    def pure(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the function has no side effect."""
        return self.effect == "none"

    def text(self) -> str:
        return f"callback[{self.function.name}]"

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        if not self.effect.endswith("debug"):
            return super().jvp(primals, tangents)
        results = self.bind(*primals)
        return results, tuple(Zero(result.type.tangent) for result in results)

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        if self.effect.startswith("ordered"):
            raise hinted(
                OperandError(f"{self.text()} is ordered, and cannot be mapped by `vmap`"), "pass `ordered=False`"
            )
        return super().batch(size, operands, axes)

    def evaluate(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        arrays = [numpy.array(concrete(operand).__array__()) for operand in operands]
        results = self.function.implementation.call(arrays, self.result_types)
        return tuple(device_array(result) for result in results)

    def lower(self, builder: Builder, *operands: Any) -> Any:
        register_with(default_client())
        results = list(builder.results)
        if self.effect.startswith("ordered"):
            results.append(builder.type(ORDER))
            operands = (*operands, builder.order or builder.constant(numpy.zeros(ORDER.shape, ORDER.dtype)))
        values = builder.emit(
            "custom_call",
            operands,
            TARGET,
            results,
            has_side_effect=self.effect != "none",
            backend_config={"callback": numpy.int64(self.function.number())},
        )
        if self.effect.startswith("ordered"):
            *values, builder.order = values
        return tuple(values)


_CLIENTS: weakref.WeakSet[Any] = weakref.WeakSet()


def register_with(client: Any) -> None:
    """Registers the handler of all callbacks with the plugin of `client`, once."""
    if client not in _CLIENTS:
        from ryft_xla_sys import ffi_calls  # Only programs with callbacks need the FFI.

        platform = "Host" if client.platform_name == "cpu" else client.platform_name.upper()
        ffi_calls.register_handler(client.plugin.api, TARGET, ffi_calls.CALLBACK_HANDLER, platform=platform)
        _CLIENTS.add(client)


def _call(
    function: Callable[..., Any],
    results: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    effect: str,
    vmap_method: str | None,
) -> Any:
    if not callable(function):
        raise ArgumentTypeError(f"a callback is a function, but got a `{type(function).__name__}`: {function!r:.80}")
    check_vmap_method(vmap_method)
    leaves, arguments = trees.flatten((args, kwargs))
    described, structure = trees.flatten(results, is_leaf=lambda x: hasattr(x, "shape") and hasattr(x, "dtype"))
    implementation = Implementation(function, arguments, structure if results is not None else None)
    types = tuple(array_type(each) for each in described)
    values = Callback(types, vmap_method, HostFunction(implementation), effect).bind(*map(as_value, leaves))
    return structure.unflatten(values)


@boundary()
def pure_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    vmap_method: str | None = None,
    **kwargs: Any,
) -> Any:
    """Returns what `callback` returns for the arguments as NumPy arrays, also inside compiled functions.

    The callback must have no side effects: it may be called any number of times, or not at all. An exception that it
    raises is raised where the result is used. It may use Ryft itself.

    Args:
        callback: Function of NumPy arrays.
        result_shape_dtypes: Structure of what it returns, with objects that have `shape` and `dtype` for leaves. An
            array of a narrower element type is converted, and so is a Python number; a wider one is refused.
        *args: Arguments: arrays and structures of them.
        vmap_method: What `vmap` does: "sequential", "expand_dims" or "broadcast_all"; without it, `vmap` is refused.
        **kwargs: More arguments.
    """
    return _call(callback, result_shape_dtypes, args, kwargs, "none", vmap_method)


@boundary()
def io_callback(
    callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any, ordered: bool = False, **kwargs: Any
) -> Any:
    """Returns what `callback`, which may have side effects, returns for the arguments as NumPy arrays.

    It is called exactly once for each time that the program gets to it; one element after the other under `vmap`.

    Args:
        callback: Function of NumPy arrays.
        result_shape_dtypes: Structure of what it returns, as for `pure_callback`; `None` if it returns nothing.
        *args: Arguments: arrays and structures of them.
        ordered: Whether ordered callbacks of one function are called in the order of the program.
        **kwargs: More arguments.
    """
    effect = "ordered" if ordered else "io"
    return _call(callback, result_shape_dtypes, args, kwargs, effect, None if ordered else "sequential")


@boundary()
def debug_callback(callback: Callable[..., Any], *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Calls `callback` with the arguments as NumPy arrays, for its side effects; what it returns is ignored.

    Arguments that are no arrays, such as strings, are handed on as they are.

    Unlike `io_callback`, it may be differentiated (it sees the primals) and, unless `ordered`, mapped by `vmap` (it is
    called once for each element).
    """
    effect = "ordered_debug" if ordered else "debug"
    leaves, structure = trees.flatten((args, kwargs))
    moving = [place for place, leaf in enumerate(leaves) if is_array_leaf(leaf)]

    def call(*arrays: Any) -> None:
        filled = list(leaves)
        for place, array in zip(moving, arrays, strict=True):
            filled[place] = array
        given, named = structure.unflatten(filled)
        callback(*given, **named)

    if len(moving) == len(leaves) or not callable(callback):
        _call(callback, None, args, kwargs, effect, None if ordered else "sequential")
        return
    call.__name__ = getattr(callback, "__name__", type(callback).__name__)
    _call(call, None, tuple([leaves[place] for place in moving]), {}, effect, None if ordered else "sequential")


def debug_print(format: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:  # noqa: A002 (JAX's name)
    """Prints `format.format(*args, **kwargs)` when the program gets to it.

    Example:
        >>> from ryft_core import jit
        >>> @jit
        ... def double(x):
        ...     debug_print("x is {}", x)
        ...     return 2 * x
        >>> _ = double(3).block_until_ready()
        x is 3
    """
    debug_callback(lambda *values, **named: print(format.format(*values, **named)), *args, ordered=ordered, **kwargs)


from ryft_core.arrays import device_array  # noqa: E402 (arrays need primitives)
from ryft_core.backends import default_client  # noqa: E402
from ryft_core.callback_execution import inside_callback  # noqa: E402
from ryft_core.tracing.evaluation import concrete  # noqa: E402
