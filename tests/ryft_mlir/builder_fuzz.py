"""Calls every builder with arguments of random kinds. Whatever happens must be an exception of ours and never a crash.

Run as `python builder_fuzz.py SEED COUNT MODULE...`; `test_dialects.py` does so in child processes.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ryft_mlir import Block, Context, Module, Value
from ryft_mlir.dialects import func

EXPECTED = (ValueError, TypeError, KeyError, IndexError)
TYPES = """f32 i1 i32 index none complex<f32> tensor<f32> tensor<2x3xf32> tensor<?x3xf32> tensor<*xf32> tensor<4xi32>
    tensor<i1> tensor<0xf32> tuple<tensor<2xf32>> vector<4xf32> vector<[4]xf32> vector<f32> memref<4xf32> memref<*xf32>
    !stablehlo.token !llvm.ptr tensor<4x4xf64> vector<4xi1> tensor<3xcomplex<f32>>""".split()  # noqa: SIM905
PLAIN = [None, 0, -1, 1, 2**70, 1.5, "", "a", "EQ", b"x", [], [0], [1, 2], [[0, 1]], {}, {"a": 1}, True, object()]


class Fuzzer:
    """Makes arguments of builders, mostly of the kinds that their annotations ask for."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.context = Context()
        for name in ("llvm", "gpu", "nvgpu", "mpmd"):
            self.context.load_dialect(name)
        self.types = [self.context.parse_type(text) for text in TYPES]
        self.calls = 0

    def argument(self, parameter: inspect.Parameter, block: Block, values: list[Value]) -> Any:
        pick, context = self.random.choice, self.context
        text = str(parameter.annotation)
        if self.random.random() < 0.1:
            return pick([*PLAIN, pick(values), pick(self.types), block, np.zeros((2, 2))])
        choices: list[tuple[str, Callable[[], Any]]] = [
            ("Sequence[Value]", lambda: [pick(values) for _ in range(pick([0, 1, 2, 3]))]),
            ("Value", lambda: pick(values)),
            ("Sequence[Type]", lambda: [pick(self.types)] * pick([0, 1, 2])),
            ("Body", lambda: pick([lambda inner, *items: items, lambda inner, *items: None])),
            ("Block", lambda: block),
            ("Integers", lambda: pick([[], [0], [0, 1], [-1], [5], [2**40], [-(2**63)]])),
            ("Type", lambda: pick(self.types)),
            ("bool", lambda: pick([True, False])),
            ("int", lambda: pick([0, 1, -1, 7, 2**31, -(2**63)])),
            ("str", lambda: pick(["", "a", "EQ", "ij,jk->ik"])),
        ]
        for word, make in choices:
            if word in text:
                return make()
        return pick([*PLAIN, context.unit_attribute(), context.attribute([0]), context.elements_attribute([1, 2])])

    def call(self, function: Callable[..., Any]) -> None:
        """Calls a builder once, and then prints, verifies and copies what it built."""
        module = Module.create(self.context)
        block = func.func(module.body, "f", self.types).entry_block
        values = list(block.arguments)
        if self.random.random() < 0.5:
            values = [self.random.choice(values)]
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name in ("block", "context"):
                positional.append(block if parameter.name == "block" else self.context)
            elif parameter.default is parameter.empty or self.random.random() < 0.4:
                value = self.argument(parameter, block, values)
                if parameter.kind is parameter.KEYWORD_ONLY:
                    named[parameter.name] = value
                else:
                    positional.append(value)
        steps: list[Callable[[], object]] = [lambda: function(*positional, **named), module.text, module.verify]
        for step in [*steps, lambda: [operation.clone() for operation in block]]:
            with contextlib.suppress(*EXPECTED):
                step()
        self.calls += 1


def main(seed: int, count: int, modules: list[str]) -> None:
    """Calls every builder of some modules `count` times."""
    fuzzer = Fuzzer(seed)
    for name in modules:
        module = importlib.import_module(f"ryft_mlir.dialects.{name}")
        for item in module.__all__:
            function = getattr(module, item)
            if inspect.isfunction(function):
                for _ in range(count):
                    fuzzer.call(function)
    print("calls", fuzzer.calls)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
