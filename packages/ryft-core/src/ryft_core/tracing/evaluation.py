"""Evaluation: primitives applied to concrete arrays at once.

A primitive is compiled once per types of its operands, and the kernel kept. Compiling takes as long as thousands of
small operations, so what is small, on the host anyway, and exact (`Primitive.exact`) is computed by NumPy until it was
used so often that a kernel pays for itself. Both give the same bits, so nobody can tell which one ran.
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

import numpy

from ryft_core import trees
from ryft_core._native import forget_kernels, remember_kernel
from ryft_core.arrays import DeviceArray
from ryft_core.backends import default_client
from ryft_core.callback_execution import calls_back, run_with_callbacks
from ryft_core.compilation import Kernel, compile_program
from ryft_core.dispatch import concrete, configure_dispatch, on_one_device
from ryft_core.primitives.base import Primitive
from ryft_core.programs.atoms import Literal, Variable
from ryft_core.programs.programs import Equation, Program
from ryft_core.tracebacks import leaving
from ryft_core.tracing.traces import Trace, set_base_trace
from ryft_core.types.array_types import ArrayType

__all__ = [
    "HOST_SECONDS",
    "EvalTrace",
    "clear_kernels",
    "concrete",
    "is_cheap_on_host",
    "is_tiny",
    "run_compiled",
    "run_eagerly",
]


class EvalTrace(Trace):
    """Runs every primitive at once. It is current where no function is being transformed or compiled."""

    __slots__ = ()

    finished = False

    def process(self, primitive: Any, operands: tuple[Any, ...]) -> Any:
        try:
            return primitive.evaluate(operands)
        except Exception as error:
            leaving(error, None, None)
            raise

    def axis_size(self, name: object) -> int | None:
        return None


_KERNELS: dict[Any, Kernel] = {}
_KERNELS_LIMIT = 65536
_ONE = trees.flatten(0)[1]


def run_eagerly(primitive: Any, operands: tuple[Any, ...]) -> Any:
    """Returns the result of `primitive` for concrete operands.

    The native dispatcher comes here only for what it has no kernel for: refer to `Primitive.bind`.
    """
    if primitive.exact:
        result = _run_on_host(primitive, operands)
        if result is not None:
            return result
    return run_compiled(primitive, operands)


def run_compiled(primitive: Any, operands: tuple[Any, ...]) -> Any:
    """Returns the result of `primitive` for concrete operands, by a kernel that is compiled once per operand types."""
    arrays = tuple(on_one_device(operands, [concrete(x) for x in operands]))
    device = arrays[0].device if arrays else None
    types = [x.type for x in arrays]
    key = (primitive, device, *types)
    kernel = _KERNELS.get(key)
    if kernel is None:
        inputs = [Variable(type) for type in types]
        inferred = primitive.infer(*types)
        outputs = [Variable(type) for type in (inferred if primitive.multiple_results else (inferred,))]
        program = Program(inputs, [Equation(primitive, tuple(inputs), tuple(outputs))], outputs, primitive.name)
        if len(_KERNELS) >= _KERNELS_LIMIT:
            clear_kernels()
        kernel = _KERNELS[key] = compile_program(program, (), device, quick=is_tiny(program))
    if primitive.multiple_results:
        structure = trees.flatten((0,) * len(kernel.program.outputs))[1]
    else:
        structure = _ONE
    if calls_back(kernel.program):
        return structure.unflatten(run_with_callbacks(kernel, arrays))
    entry = kernel.entry(structure, len(arrays), range(len(arrays)))
    if type(primitive).evaluate is Primitive.evaluate:
        remember_kernel(primitive, operands, entry)
    return entry.run(primitive, arrays)


def clear_kernels() -> None:
    """Forgets all kernels of primitives, and the arrays of literals."""
    _KERNELS.clear()
    _SPENT.clear()
    forget_kernels()


_TINY = 256


def is_tiny(program: Program) -> bool:
    """Returns whether a kernel does so little that it is not worth optimizing."""
    elements = sum(type.size for type in (*program.input_types, *program.output_types))
    return elements <= _TINY and not any(True for _ in program.subprograms())


# --- on the host ------------------------------------------------------------------------------------------------------

_HOST_BYTES = 4096
"""Largest operand or result, in bytes, that is computed on the host."""
HOST_SECONDS = 0.01
"""Time after which a kernel is compiled: about as long as that takes, so that at most twice the least time is spent."""
_HOST_EQUATIONS = 8
_SPENT: dict[Any, float] = {}
_SPENT_LIMIT = 65536
_DTYPES = frozenset(map(numpy.dtype, ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8")))


def _run_on_host(primitive: Any, operands: tuple[Any, ...]) -> Any:
    """Returns the result of a small, exact primitive, or `None` if a compiled kernel has to compute it."""
    started = perf_counter()
    elements: list[Any] = []
    device = None
    for operand in operands:
        type = operand.type
        if type.kind not in primitive.exact or not _is_small(type):
            return None
        if operand.__class__ is Literal:
            elements.append(operand.value)
            continue
        if operand.__class__ is not DeviceArray or operand.device is not (device or operand.device):
            return None
        device = operand.device
        if operand.buffer.closed:
            return None  # What refuses to run the kernel says why.
        value = operand.buffer.to_numpy_if_ready() if device.client.platform_name == "cpu" else None
        if value is None or _has_denormals(value):
            return None
        elements.append(value)
    if device is None:
        device = default_client().addressable_devices[0]
        if device.client.platform_name != "cpu":
            return None
    key = (primitive, *[operand.type for operand in operands])
    spent = _SPENT.get(key, 0.0)
    if spent > HOST_SECONDS:
        return None
    inferred = primitive.infer(*[operand.type for operand in operands])
    types: tuple[ArrayType, ...] = inferred if primitive.multiple_results else (inferred,)
    if not all(map(_is_small, types)):
        return None
    with numpy.errstate(all="ignore"):
        computed = primitive.reference(*elements)
    results: list[DeviceArray] = []
    for value, type in zip(computed if primitive.multiple_results else (computed,), types, strict=True):
        array = numpy.asarray(value, type.dtype)
        if array.shape != type.shape or _has_denormals(array):
            return None
        results.append(DeviceArray(device.client.buffer(array, device), type))
    if len(_SPENT) >= _SPENT_LIMIT:
        _SPENT.clear()
    _SPENT[key] = spent + perf_counter() - started
    return tuple(results) if primitive.multiple_results else results[0]


def is_cheap_on_host(program: Program) -> bool:
    """Returns whether all of a program can be computed on the host, step by step, with the bits of a compiled one."""
    return program.derived("is_cheap_on_host", lambda: _is_cheap_on_host(program))


def _is_cheap_on_host(program: Program) -> bool:
    for equation in program.equations:
        types = [value.type for value in (*equation.inputs, *equation.outputs)]
        if not all(map(_is_small, types)) or not all(a.type.kind in equation.primitive.exact for a in equation.inputs):
            return False
        # A compiler may merge two operations on floating-point numbers into one that rounds only once.
        if len(program.equations) > 1 and equation.primitive.rounds and types[-1].kind == "f":
            return False
    return len(program.equations) <= _HOST_EQUATIONS


def _is_small(type: ArrayType) -> bool:
    return type.dtype in _DTYPES and math.prod(type.shape) * type.dtype.itemsize <= _HOST_BYTES


def _has_denormals(array: numpy.ndarray[Any, Any]) -> bool:
    """Returns whether there are numbers so small that compiled kernels take them for zero."""
    if array.dtype.kind != "f":
        return False
    magnitude = numpy.abs(array)
    return bool(((magnitude > 0) & (magnitude < numpy.finfo(array.dtype).tiny)).any())


configure_dispatch()
set_base_trace(EvalTrace())
