"""Calls random methods on random objects. Whatever happens must be an exception and never a crash.

Run as `python ownership_fuzz.py SEED STEPS`; `test_ownership.py` does so in child processes.
"""

from __future__ import annotations

import gc
import random
import sys
from typing import Any

import numpy as np

from ryft_mlir import Block, Context, Module, Operation, Region, Value
from ryft_mlir.dialects import builtin, func
from ryft_mlir.dialects import stable_hlo as hlo
from ryft_mlir.passes import run_passes

EXPECTED = (ValueError, TypeError, KeyError, IndexError)


class Fuzzer:
    """Keeps pools of objects, some of them stale, and lets chance pick."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.contexts = [Context(), Context()]
        self.pools: dict[type, list[Any]] = {Module: [], Operation: [], Block: [], Region: [], Value: []}
        self.refused = 0

    def pick(self, kind: type) -> Any:
        pool = self.pools[kind]
        if not pool:
            self.new_module()
        return self.random.choice(self.pools[kind])

    def keep(self, item: Any) -> None:
        for kind, pool in self.pools.items():
            if isinstance(item, kind):
                pool.append(item)
                if len(pool) > 60:
                    # Forgetting objects frees what only they keep alive.
                    del pool[self.random.randrange(len(pool))]

    def context(self) -> Context:
        # Mostly the same one, or everything would be refused.
        return self.contexts[self.random.random() < 0.05]

    def type(self, context: Context) -> Any:
        return context.tensor_type((2,), np.float32)

    # Things to do.

    def new_module(self) -> None:
        context = self.context()
        module = Module.create(context)
        kind = self.type(context)
        function = func.func(module.body, "f", [kind, kind], [kind])
        block = function.entry_block
        first = hlo.add(block, *block.arguments)
        func.return_(block, first)
        for item in (module, function, block, first, *block.arguments, function.regions[0], first.operation):
            self.keep(item)
        for region_block in module.body.operations:
            self.keep(region_block)
        self.keep(module.body)

    def build(self) -> None:
        self.keep(hlo.add(self.pick(Block), self.pick(Value), self.pick(Value)))

    def build_branch(self) -> None:
        block, value = self.pick(Block), self.pick(Value)
        predicate = hlo.constant(block, True)

        def body(inner: Block) -> Value:
            self.keep(inner)
            result = hlo.add(inner, value, self.pick(Value))
            self.keep(result)
            if self.random.random() < 0.1:
                raise ValueError("the body failed")
            return result

        for result in hlo.if_(block, predicate, body, body if self.random.random() < 0.8 else self.pick(Region)):
            self.keep(result)

    def build_nested_module(self) -> None:
        self.keep(builtin.module(self.pick(Block), "inner"))

    def create_detached(self) -> None:
        self.keep(Operation.create(self.context(), "stablehlo.add", operands=[self.pick(Value), self.pick(Value)]))

    def create_block(self) -> None:
        context = self.context()
        block = Block.create(context, [self.type(context)])
        self.keep(block)
        self.keep(block.arguments[0])

    def create_region(self) -> None:
        self.keep(Region.create(self.context()))

    def append(self) -> None:
        self.pick(Block).append(self.pick(Operation))

    def insert(self) -> None:
        self.pick(Block).insert(self.random.randrange(3), self.pick(Operation))

    def move(self) -> None:
        name = self.random.choice(["move_before", "move_after"])
        getattr(self.pick(Operation), name)(self.pick(Operation))

    def erase(self) -> None:
        self.pick(Operation).erase()

    def detach(self) -> None:
        self.keep(self.pick(self.random.choice([Operation, Block])).detach())

    def clone(self) -> None:
        original = self.pick(self.random.choice([Operation, Module]))
        # Clones of clones would grow without end.
        if len(str(original)) < 3000:
            self.keep(original.clone())

    def append_block(self) -> None:
        self.pick(Region).append(self.pick(Block))

    def arguments(self) -> None:
        block = self.pick(Block)
        if self.random.random() < 0.5:
            self.keep(block.append_argument(self.type(block.context)))
        else:
            block.erase_argument(self.random.randrange(3))

    def replace_uses(self) -> None:
        self.pick(Value).replace_all_uses_with(self.pick(Value))

    def set_operand(self) -> None:
        self.pick(Operation).set_operand(self.random.randrange(2), self.pick(Value))

    def read_operation(self) -> None:
        operation = self.pick(Operation)
        str(operation), repr(operation), hash(operation), operation.location
        for item in (*operation.operands, *operation.results, *operation.regions, operation.parent, operation.block):
            self.keep(item)
        operation.walk(lambda inner: None)

    def read_block(self) -> None:
        block = self.pick(Block)
        str(block), repr(block), hash(block), len(block)
        for item in (*block.operations, *block.arguments, block.parent, block.region, block.terminator):
            self.keep(item)

    def read_value(self) -> None:
        value = self.pick(Value)
        repr(value), value.type, value.location, value.index, value == self.pick(Value)
        self.keep(value.block)
        for use in value.uses:
            self.keep(use.operation)

    def read_module(self) -> None:
        module = self.pick(Module)
        str(module), module.bytecode()
        self.keep(module.symbols["f"])

    def verify(self) -> None:
        self.pick(self.random.choice([Operation, Module])).verify()

    def passes(self) -> None:
        module = self.pick(Module)
        module.verify()
        run_passes(module, self.random.choice(["cse", "canonicalize", "symbol-dce", "inline"]))

    def drop_module(self) -> None:
        del self.pools[Module][self.random.randrange(len(self.pools[Module]))]

    def collect(self) -> None:
        gc.collect()

    def run(self, steps: int) -> None:
        """Takes random steps."""
        names = [
            name
            for name, member in vars(type(self)).items()
            if callable(member) and name not in ("__init__", "pick", "keep", "context", "type", "run")
        ]
        for _ in range(steps):
            try:
                getattr(self, self.random.choice(names))()
            except EXPECTED:
                self.refused += 1


if __name__ == "__main__":
    fuzzer = Fuzzer(int(sys.argv[1]))
    fuzzer.run(int(sys.argv[2]))
    print("refused", fuzzer.refused)
