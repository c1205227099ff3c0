"""Evaluation: primitives applied to concrete arrays are compiled once per operand types, and run."""

from __future__ import annotations

from typing import Any

from ryft_core.arrays import DeviceArray, device_array
from ryft_core.compilation import Kernel, compile_program
from ryft_core.errors import OperandError
from ryft_core.programs.atoms import Literal, Variable
from ryft_core.programs.programs import Equation, Program
from ryft_core.tracing.tracers import Tracer, leaked
from ryft_core.tracing.traces import Trace, set_base_trace

__all__ = ["EvalTrace", "concrete", "run_compiled"]


class EvalTrace(Trace):
    """Runs every primitive at once. It is current where no function is being transformed or compiled."""

    __slots__ = ()

    finished = False

    def process(self, primitive: Any, operands: tuple[Any, ...]) -> Any:
        return primitive.evaluate(operands)

    def axis_size(self, name: object) -> int | None:
        return None


_KERNELS: dict[Any, Kernel] = {}
_SCALARS: dict[Literal, DeviceArray] = {}
_SCALARS_LIMIT = 4096


def concrete(value: Any) -> DeviceArray:
    """Returns the array on the device of an operand that is concrete: an array already, or a literal.

    Raises:
        LeakedTracerError: If it is a tracer.
    """
    if type(value) is DeviceArray:
        return value
    if type(value) is Literal:
        found = _SCALARS.get(value)
        if found is None:
            if len(_SCALARS) >= _SCALARS_LIMIT:
                _SCALARS.clear()
            found = _SCALARS[value] = device_array(value)
        return found
    if isinstance(value, Tracer):
        raise leaked(value)
    raise OperandError(f"expected an array, but got a `{type(value).__name__}`")


def run_compiled(primitive: Any, operands: tuple[Any, ...]) -> Any:
    """Returns the result of `primitive` for concrete operands, by a kernel that is compiled once per operand types."""
    arrays = [x if type(x) is DeviceArray else concrete(x) for x in operands]
    key = (primitive, *[x.type for x in arrays])
    kernel = _KERNELS.get(key)
    if kernel is None:
        inputs = [Variable(x.type) for x in arrays]
        inferred = primitive.infer(*[x.type for x in arrays])
        outputs = [Variable(type) for type in (inferred if primitive.multiple_results else (inferred,))]
        equation = Equation(primitive, tuple(inputs), tuple(outputs))
        kernel = _KERNELS[key] = compile_program(Program(inputs, [equation], outputs, primitive.name))
    results = kernel.run(arrays)
    return tuple(results) if primitive.multiple_results else results[0]


set_base_trace(EvalTrace())
