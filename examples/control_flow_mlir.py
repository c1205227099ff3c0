"""Builds a module of two functions with a loop and a branch, runs a pass pipeline on it, and executes it.

The program computes the number of Collatz steps that each of several numbers takes to reach one.
"""

import numpy as np

import ryft_mlir as mlir
import ryft_pjrt as pjrt
from ryft_mlir import Block, Value
from ryft_mlir.dialects import func, stable_hlo
from ryft_mlir.passes import canonicalize, cse, run_passes, symbol_dce

NUMBERS = np.array([1, 2, 3, 6, 7, 27], np.int32)

context = mlir.Context()
scalar = context.tensor_type((), np.int32)
vector = context.tensor_type(NUMBERS.shape, np.int32)
module = mlir.Module.create(context, name="collatz")

# A private function takes one step: n / 2 for even numbers, 3 n + 1 for odd ones.
step = func.func(module.body, "step", [scalar], [scalar], visibility="private")
block = step.entry_block
(n,) = block.arguments
two = stable_hlo.constant(block, 2)
is_even = stable_hlo.compare(block, stable_hlo.remainder(block, n, two), stable_hlo.constant(block, 0), "EQ")


def halve(block: Block) -> Value:
    return stable_hlo.divide(block, n, stable_hlo.constant(block, 2))


def triple(block: Block) -> Value:
    tripled = stable_hlo.multiply(block, n, stable_hlo.constant(block, 3))
    return stable_hlo.add(block, tripled, stable_hlo.constant(block, 1))


func.return_(block, stable_hlo.if_(block, is_even, halve, triple))

# `main` counts the steps of each number in a loop inside a loop.
main = func.func(module.body, "main", [vector], [vector])
block = main.entry_block
(numbers,) = block.arguments
zero = stable_hlo.constant(block, 0)


def reached_one(block: Block, n: Value, count: Value) -> Value:
    return stable_hlo.compare(block, n, stable_hlo.constant(block, 1), "NE")


def one_step(block: Block, n: Value, count: Value) -> list[Value]:
    (following,) = func.call(block, step, [n])
    return [following, stable_hlo.add(block, count, stable_hlo.constant(block, 1))]


def more_numbers(block: Block, index: Value, counts: Value) -> Value:
    return stable_hlo.compare(block, index, stable_hlo.constant(block, len(NUMBERS)), "LT")


def count_steps(block: Block, index: Value, counts: Value) -> list[Value]:
    number = stable_hlo.reshape(block, stable_hlo.dynamic_slice(block, numbers, [index], [1]), ())
    _, count = stable_hlo.while_(block, [number, zero], reached_one, one_step)
    counts = stable_hlo.dynamic_update_slice(block, counts, stable_hlo.reshape(block, count, (1,)), [index])
    return [stable_hlo.add(block, index, stable_hlo.constant(block, 1)), counts]


_, counts = stable_hlo.while_(block, [zero, stable_hlo.constant(block, 0, vector)], more_numbers, count_steps)
func.return_(block, counts)
module.verify()

# Simplify the program, and print what is left of it.
before = len(module.text().splitlines())
run_passes(module, cse(), canonicalize(), symbol_dce())
print(module)
print(f"{before} lines became {len(module.text().splitlines())}")

# The reference interpreter and the compiler agree.
(expected,) = mlir.evaluate(module, [NUMBERS])
with pjrt.load_cpu_plugin().client() as client:
    program = pjrt.Program(module.portable_artifact("1.13.3"))
    result = client.compile(program)(client.buffer(NUMBERS)).to_numpy()
print(dict(zip(NUMBERS.tolist(), result.tolist(), strict=True)))
if result.tolist() != expected.tolist() or result.tolist() != [0, 1, 7, 8, 16, 111]:
    raise SystemExit(f"expected {expected.tolist()}, but got {result.tolist()}")
