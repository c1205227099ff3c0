"""Building MLIR through our wrappers, beside the bare bindings below them."""

from __future__ import annotations

from collections.abc import Callable

import numpy

from benchmarks.measurements import Measurement, best_times
from ryft_mlir import Context, Module
from ryft_mlir.dialects import func, stable_hlo
from ryft_xla_sys.mlir import dialect, ir

__all__ = ["benchmarks"]

COUNT = 1_000


def benchmarks() -> list[Measurement]:
    """Runs all measurements: operations appended to a block, a thousand at a time."""
    return [
        compare("1,000 × add, type inferred", 1.6, False, ours_add, typed_add, generic_add),
        compare("1,000 × add, type given", 1.6, True, ours_add, typed_add, generic_add),
        compare("1,000 × transpose", 1.6, False, ours_transpose, typed_transpose, generic_transpose),
    ]


def compare(
    task: str,
    limit: float,
    given: bool,
    ours: Callable[..., Callable[[], object]],
    typed: Callable[..., Callable[[], object]],
    generic: Callable[..., Callable[[], object]],
) -> Measurement:
    """Measures our builder beside the bindings' typed one, and beside the generic one that both rest on."""
    times = best_times({"ryft": ours(given), "typed": typed(given), "generic": generic(given)}, 20)
    return Measurement(task, times, {"typed": limit})


def start() -> tuple[Context, Module, func.FunctionOperation]:
    """Returns a function of two matrices to append to."""
    context = Context()
    module = Module.create(context)
    kind = context.tensor_type((4, 4), numpy.float32)
    return context, module, func.func(module.body, "main", [kind, kind])


def ours_add(given: bool) -> Callable[[], object]:
    """Returns what appends additions through our wrappers."""

    def run() -> object:
        _, module, main = start()
        block = main.entry_block
        x, y = block.arguments
        result_type = x.type if given else None
        for _ in range(COUNT):
            x = stable_hlo.add(block, x, y, result_type=result_type)
        return module

    return run


def typed_add(given: bool) -> Callable[[], object]:
    """Returns what appends additions through the bindings' own builder."""
    add = dialect("stablehlo").add

    def run() -> object:
        context, module, main = start()
        block = main.entry_block.to_bindings()
        with context.to_bindings(), ir.Location.unknown(), ir.InsertionPoint(block):
            x, y = block.arguments
            results = [x.type] if given else None
            for _ in range(COUNT):
                x = add(x, y, results=results)
        return module

    return run


def generic_add(given: bool) -> Callable[[], object]:
    """Returns what appends additions through the bindings' generic constructor."""
    create = ir.Operation.create

    def run() -> object:
        context, module, main = start()
        block = main.entry_block.to_bindings()
        location = ir.Location.unknown(context.to_bindings())
        x, y = block.arguments
        results = [x.type] if given else None
        for _ in range(COUNT):
            operation = create("stablehlo.add", results, [x, y], None, None, 0, location, False, not given)
            block.append(operation)
            x = operation.result
        return module

    return run


def ours_transpose(given: bool) -> Callable[[], object]:
    """Returns what appends transpositions through our wrappers."""

    def run() -> object:
        _, module, main = start()
        block = main.entry_block
        x = block.arguments[0]
        for _ in range(COUNT):
            x = stable_hlo.transpose(block, x, (1, 0))
        return module

    return run


def typed_transpose(given: bool) -> Callable[[], object]:
    """Returns what appends transpositions through the bindings' own builder."""
    transpose = dialect("stablehlo").transpose

    def run() -> object:
        context, module, main = start()
        block = main.entry_block.to_bindings()
        with context.to_bindings(), ir.Location.unknown(), ir.InsertionPoint(block):
            x = block.arguments[0]
            for _ in range(COUNT):
                x = transpose(x, [1, 0])
        return module

    return run


def generic_transpose(given: bool) -> Callable[[], object]:
    """Returns what appends transpositions through the bindings' generic constructor."""
    create, array = ir.Operation.create, ir.DenseI64ArrayAttr.get

    def run() -> object:
        context, module, main = start()
        raw = context.to_bindings()
        block = main.entry_block.to_bindings()
        location = ir.Location.unknown(raw)
        x = block.arguments[0]
        for _ in range(COUNT):
            attributes = {"permutation": array([1, 0], raw)}
            operation = create("stablehlo.transpose", None, [x], attributes, None, 0, location, False, True)
            block.append(operation)
            x = operation.result
        return module

    return run
