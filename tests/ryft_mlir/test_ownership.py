"""Who owns what: every misuse raises, random calls never crash, nothing leaks."""

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ryft_mlir import (
    Block,
    Context,
    ContextError,
    ErasedError,
    Module,
    Operation,
    OwnershipError,
    Region,
    Value,
    VerificationError,
)
from ryft_mlir.dialects import builtin, func
from ryft_mlir.dialects import stable_hlo as hlo
from ryft_mlir.passes import run_passes


@pytest.fixture
def module(context: Context) -> Module:
    return simple_module(context)


def simple_module(context: Context) -> Module:
    module = Module.create(context)
    kind = context.tensor_type((2,), np.float32)
    main = func.func(module.body, "main", [kind], [kind])
    block = main.entry_block
    (x,) = block.arguments
    y = hlo.add(block, x, x)
    func.return_(block, hlo.multiply(block, y, x))
    return module


def main_of(module: Module) -> func.FunctionOperation:
    main = module.symbols["main"]
    assert isinstance(main, func.FunctionOperation)
    return main


def test_erased_operation_cannot_be_used(module: Module) -> None:
    block = main_of(module).entry_block
    unused = hlo.add(block, *block.arguments, *block.arguments)
    operation = unused.operation
    operation.erase()
    with pytest.raises(ErasedError, match=r"this operation has been erased"):
        _ = operation.name
    with pytest.raises(ErasedError, match=r"this value has been erased"):
        hlo.add(block, unused, unused)
    assert repr(operation) == "Operation[erased]"
    assert repr(unused) == "Value[erased]"


def test_what_is_inside_an_erased_operation_cannot_be_used(module: Module) -> None:
    main = main_of(module)
    block, (x,) = main.entry_block, main.entry_block.arguments
    first = block.operations[0]
    main.erase()
    for use in (lambda: x.type, lambda: len(block), lambda: first.name, lambda: main.entry_block):
        with pytest.raises(ErasedError, match=r"has been erased"):
            use()
    assert repr(block) == "Block[erased]"
    assert module.text() == "module {\n}"


def test_used_value_cannot_be_erased_or_detached(module: Module) -> None:
    add = main_of(module).entry_block.operations[0]
    with pytest.raises(OwnershipError, match=r"cannot erase the value `%0` that `stablehlo.multiply` still uses"):
        add.erase()
    with pytest.raises(OwnershipError, match=r"cannot detach the value `%0`"):
        add.detach()


def test_root_of_a_module_stays_where_it_is(module: Module) -> None:
    with pytest.raises(OwnershipError, match=r"the root of a module cannot be erased"):
        module.operation.erase()
    with pytest.raises(OwnershipError, match=r"cannot be moved into itself"):
        module.body.append(module.operation)
    with pytest.raises(OwnershipError, match=r"the root of a module cannot be moved"):
        simple_module(module.context).body.append(module.operation)
    with pytest.raises(OwnershipError, match=r"the block of a module cannot be moved"):
        module.body.detach()


def test_operation_cannot_be_moved_into_itself(module: Module) -> None:
    main = main_of(module)
    with pytest.raises(OwnershipError, match=r"`func.func` cannot be moved into itself"):
        main.entry_block.append(main)
    with pytest.raises(OwnershipError, match=r"`func.func` cannot be moved into itself"):
        main.move_before(main.entry_block.operations[0])


def test_region_cannot_hold_the_block_it_is_built_in(context: Context) -> None:
    block = Block.create(context)
    predicate = hlo.constant(block, True)
    with pytest.raises(OwnershipError, match=r"cannot hold the block"):
        hlo.if_(block, predicate, block.region, block.region)


def test_values_of_other_modules_and_contexts_are_refused(module: Module) -> None:
    block = main_of(module).entry_block
    (x,) = block.arguments
    (other,) = main_of(simple_module(module.context)).entry_block.arguments
    (foreign,) = main_of(simple_module(Context())).entry_block.arguments
    with pytest.raises(OwnershipError, match=r"belongs to another module"):
        hlo.add(block, x, other)
    with pytest.raises(ContextError, match=r"belongs to another context"):
        hlo.add(block, x, foreign)
    with pytest.raises(OwnershipError, match=r"belongs to another module"):
        block.operations[0].set_operand(0, other)
    with pytest.raises(ContextError, match=r"belongs to another context"):
        x.set_type(foreign.type)
    with pytest.raises(ContextError, match=r"belongs to another context"):
        hlo.add(block, x, x, result_type=foreign.type)


def test_detached_operation_may_use_values_but_not_lend_them(module: Module) -> None:
    block = main_of(module).entry_block
    (x,) = block.arguments
    detached = Operation.create(module.context, "stablehlo.negate", operands=[x])
    assert detached.is_detached
    assert detached.parent is None
    assert detached.block is None
    with pytest.raises(OwnershipError, match=r"belongs to a detached operation"):
        hlo.add(block, detached.result, x)
    assert x.uses[0].operation == detached
    with pytest.raises(OwnershipError, match=r"cannot run passes while a detached operation"):
        run_passes(module, "cse")
    with pytest.raises(OwnershipError, match=r"cannot write bytecode while a detached operation"):
        module.bytecode()
    block.insert(0, detached)
    assert detached.block == block
    hlo.negate(block, detached.result).operation.move_after(detached)
    module.verify()
    assert [operation.name for operation in block][:2] == ["stablehlo.negate", "stablehlo.negate"]


def test_detached_operation_keeps_its_operands_alive(context: Context) -> None:
    (x,) = main_of(simple_module(context)).entry_block.arguments
    detached = Operation.create(context, "stablehlo.negate", operands=[x])
    del x
    gc.collect()
    assert str(detached.operands[0].type) == "tensor<2xf32>"
    assert detached.operands[0].block.parent is not None


def test_operation_cannot_be_attached_to_another_module_than_its_operands(module: Module) -> None:
    (x,) = main_of(module).entry_block.arguments
    detached = Operation.create(module.context, "stablehlo.negate", operands=[x])
    other = main_of(simple_module(module.context)).entry_block
    with pytest.raises(OwnershipError, match=r"uses values of another module"):
        other.append(detached)
    with pytest.raises(OwnershipError, match=r"cannot move the value"):
        other.append(main_of(module).entry_block.operations[0])


def test_function_moves_between_modules_with_its_wrappers(module: Module) -> None:
    main = main_of(module)
    block, (x,) = main.entry_block, main.entry_block.arguments
    other = Module.create(module.context)
    other.body.append(main)
    assert len(module.body) == 0
    del module
    gc.collect()
    assert main.parent == other.operation
    hlo.add(block, x, x).operation.move_before(block.operations[0])
    other.verify()
    copy = main.clone()
    assert copy.is_detached
    assert other.symbols.insert(copy) == "main_0"
    assert list(other.symbols) == ["main", "main_0"]


def test_detached_function_and_block_come_back(module: Module) -> None:
    main = main_of(module)
    before = module.text()
    block = main.entry_block
    main.detach()
    assert main.is_detached
    with pytest.raises(OwnershipError, match=r"is not in a block"):
        main.detach()
    block.detach()
    assert block.parent is None
    assert main.is_external
    assert len(block.operations) == 3
    main.regions[0].append(block)
    module.body.append(main)
    assert module.text() == before


def test_block_with_ties_cannot_leave(module: Module) -> None:
    block = main_of(module).entry_block
    (x,) = block.arguments
    (_,) = hlo.if_(block, hlo.constant(block, True), lambda inner: hlo.add(inner, x, x), lambda inner: x)
    inner = block.operations[-1].regions[0].blocks[0]
    with pytest.raises(OwnershipError, match=r"would stay behind"):
        inner.detach()
    with pytest.raises(OwnershipError, match=r"a block cannot be moved into itself"):
        block.operations[-1].regions[0].append(block)


def test_block_arguments_are_added_and_erased(context: Context) -> None:
    kind = context.tensor_type((2,), np.float32)
    block = Block.create(context, [kind])
    second = block.append_argument(kind)
    assert second.index == 1
    hlo.negate(block, second)
    with pytest.raises(OwnershipError, match=r"cannot erase argument 1, because `stablehlo.negate` still uses it"):
        block.erase_argument(1)
    with pytest.raises(IndexError, match=r"expected an argument from 0 to 1, but got 2"):
        block.erase_argument(2)
    block.erase_argument(0)
    assert [argument.index for argument in block.arguments] == [0]


def test_failed_body_leaves_nothing_behind(module: Module) -> None:
    block = main_of(module).entry_block
    (x,) = block.arguments
    predicate = hlo.constant(block, True)
    before = module.text()
    kept: list[Value] = []

    def body(inner: Block) -> Value:
        kept.append(hlo.add(inner, x, x))
        raise LookupError("the body failed")

    with pytest.raises(LookupError, match=r"the body failed"):
        hlo.if_(block, predicate, body, body)
    assert module.text() == before
    with pytest.raises(ErasedError, match=r"this value has been erased"):
        _ = kept[0].type


def test_passes_invalidate_what_they_may_remove(module: Module) -> None:
    main, body = main_of(module), module.body
    (x,) = main.entry_block.arguments
    run_passes(module, "canonicalize")
    with pytest.raises(ErasedError, match=r"this operation has been erased"):
        _ = main.name
    with pytest.raises(ErasedError, match=r"this value has been erased"):
        _ = x.type
    assert len(body) == 1
    assert main_of(module).symbol_name == "main"


def test_replacing_uses(module: Module) -> None:
    block = main_of(module).entry_block
    (x,) = block.arguments
    add, multiply, _ = block.operations
    add.result.replace_all_uses_with(x, except_for=[multiply])
    assert add.result.uses[0].operation == multiply
    add.result.replace_all_uses_with(x)
    assert add.result.uses == ()
    x.replace_all_uses_with(x)
    multiply.replace_uses_of_with(x, add.result)
    assert multiply.operands == (add.result, add.result)
    with pytest.raises(IndexError, match=r"expected an operand from 0 to 1, but got 2"):
        multiply.set_operand(2, x)


def test_bytecode_of_parts_is_refused(module: Module) -> None:
    add, multiply, _ = main_of(module).entry_block.operations
    with pytest.raises(OwnershipError, match=r"cannot write bytecode of the value"):
        add.bytecode()
    assert main_of(module).bytecode()[:4] == b"ML\xefR"
    multiply.set_operand(0, multiply.result)
    with pytest.raises(VerificationError, match=r"does not dominate"):
        module.bytecode()


def test_unreachable_blocks_are_checked(context: Context) -> None:
    module = simple_module(context)
    main = main_of(module)
    hidden = builtin.module(module.body, "inner")
    inner = func.func(hidden.regions[0].blocks[0], "g", [])
    value = hlo.constant(inner.entry_block, 1.0)
    func.return_(inner.entry_block)
    extra = main.regions[0].append_new()
    hlo.negate(extra, value)
    with pytest.raises(VerificationError, match=r"is not valid"):
        module.bytecode()


def test_live_wrappers_keep_the_module_alive(context: Context) -> None:
    value = main_of(simple_module(context)).entry_block.operations[0].result
    gc.collect()
    assert value.operation.parent.name == "func.func"
    assert value.block.region.parent == value.operation.parent
    assert str(value) == "%0"


def test_regions_are_sequences_of_blocks(context: Context) -> None:
    blocks = [Block.create(context), Block.create(context)]
    region = Region.create(context, blocks)
    assert list(region) == blocks
    assert len(region) == 2
    assert region.parent is None
    assert blocks[0].region == region
    assert repr(region) == "Region[2 blocks]"


def test_ten_thousand_modules_do_not_leak(context: Context) -> None:
    raw = context.to_bindings()

    def churn(count: int) -> int:
        for _ in range(count):
            module = simple_module(context)
            main_of(module).entry_block.operations[0].result.replace_all_uses_with(
                main_of(module).entry_block.arguments[0]
            )
            main_of(module).clone()
        del module
        gc.collect()
        return resident_kilobytes()

    alive = raw._get_live_module_count()
    churn(1_000)
    before = churn(2_000)
    after = churn(7_000)
    assert raw._get_live_module_count() == alive
    assert after - before < 8_000


def resident_kilobytes() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.mark.parametrize("seed", range(4))
def test_random_calls_never_crash(seed: int) -> None:
    script = Path(__file__).with_name("ownership_fuzz.py")
    command = [sys.executable, "-X", "faulthandler", str(script), str(seed), "700"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "refused" in result.stdout
