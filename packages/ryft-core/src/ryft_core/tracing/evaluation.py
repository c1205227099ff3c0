"""Evaluation: primitives applied to concrete arrays are compiled once per operand types, and run."""

from __future__ import annotations

from typing import Any

from ryft_core import trees
from ryft_core._native import forget_kernels, remember_kernel
from ryft_core.callback_execution import calls_back, run_with_callbacks
from ryft_core.compilation import Kernel, compile_program
from ryft_core.dispatch import concrete, configure_dispatch, on_one_device
from ryft_core.primitives.base import Primitive
from ryft_core.programs.atoms import Variable
from ryft_core.programs.programs import Equation, Program
from ryft_core.tracing.traces import Trace, set_base_trace

__all__ = ["EvalTrace", "clear_kernels", "concrete", "run_compiled"]


class EvalTrace(Trace):
    """Runs every primitive at once. It is current where no function is being transformed or compiled."""

    __slots__ = ()

    finished = False

    def process(self, primitive: Any, operands: tuple[Any, ...]) -> Any:
        return primitive.evaluate(operands)

    def axis_size(self, name: object) -> int | None:
        return None


_KERNELS: dict[Any, Kernel] = {}
_ONE = trees.flatten(0)[1]


def run_compiled(primitive: Any, operands: tuple[Any, ...]) -> Any:
    """Returns the result of `primitive` for concrete operands, by a kernel that is compiled once per operand types.

    The native dispatcher comes here only for types that it does not know: refer to `Primitive.bind`.
    """
    arrays = tuple(on_one_device(operands, [concrete(x) for x in operands]))
    device = arrays[0].device if arrays else None
    key = (primitive, device, *[x.type for x in arrays])
    kernel = _KERNELS.get(key)
    if kernel is None:
        inputs = [Variable(x.type) for x in arrays]
        inferred = primitive.infer(*[x.type for x in arrays])
        outputs = [Variable(type) for type in (inferred if primitive.multiple_results else (inferred,))]
        equation = Equation(primitive, tuple(inputs), tuple(outputs))
        kernel = _KERNELS[key] = compile_program(Program(inputs, [equation], outputs, primitive.name), (), device)
    if calls_back(kernel.program):
        results = run_with_callbacks(kernel, arrays)
        return tuple(results) if primitive.multiple_results else results[0]
    if primitive.multiple_results:
        structure = trees.flatten((0,) * len(kernel.program.outputs))[1]
    else:
        structure = _ONE
    entry = kernel.entry(structure, len(arrays), range(len(arrays)))
    if type(primitive).evaluate is Primitive.evaluate:
        remember_kernel(primitive, operands, entry)
    return entry.run(primitive, arrays)


def clear_kernels() -> None:
    """Forgets all kernels of primitives, and the arrays of literals."""
    _KERNELS.clear()
    forget_kernels()


configure_dispatch()
set_base_trace(EvalTrace())
