"""One small program for each operation of StableHLO. `test_stable_hlo.py` runs all of them in every way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ryft_mlir import Block, Context, Value
from ryft_mlir.dialects import stable_hlo as hlo

__all__ = ["SAMPLES", "Sample"]

Build = Callable[..., Any]


@dataclass(frozen=True)
class Sample:
    """A program around one operation.

    Attributes:
        operation: Full name of the operation.
        arguments: Arrays that the program is evaluated on; their types are those of the function.
        build: `build(block, *arguments)` builds the operation and returns what the function returns.
        interpreted: Whether the reference interpreter supports the operation.
        compiled: Whether the CPU plugin supports the operation on one device.
        portable: Whether the operation can be serialized as a portable artifact.
        expected: What the results are, where that is easy to say.
        argument_types: Types of the arguments as text, where arrays cannot tell.
        tolerance: How far the interpreter and the plugin may be apart.
    """

    operation: str
    arguments: tuple[Any, ...]
    build: Build
    interpreted: bool = True
    compiled: bool = True
    portable: bool = True
    expected: Any = None
    argument_types: tuple[str, ...] | None = None
    tolerance: float = 1e-5
    label: str = ""

    def __str__(self) -> str:
        return f"{self.operation}{self.label and '-' + self.label}"


SAMPLES: list[Sample] = []


def sample(operation: str, *arguments: Any, label: str = "", **options: Any) -> Callable[[Build], Build]:
    """Adds a sample whose `build` is the function that follows."""

    def add(build: Build) -> Build:
        SAMPLES.append(Sample(f"stablehlo.{operation}", tuple(arguments), build, label=label, **options))
        return build

    return add


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def i32(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def u32(*values: int) -> np.ndarray:
    return np.array(values, np.uint32)


X = f32(-1.5, -0.25, 0.5, 2.0)
POSITIVE = f32(0.25, 0.5, 1.0, 3.0)
M23 = np.arange(6, dtype=np.float32).reshape(2, 3)
M32 = np.arange(6, dtype=np.float32).reshape(3, 2) - 2
PREDICATES = np.array([True, False, True, False])
COMPLEX = np.array([1 + 2j, -0.5j], np.complex64)


def add_body(block: Block, a: Value, b: Value) -> Value:
    return hlo.add(block, a, b)


def scalar_type(context: Context, data_type: Any = np.float32) -> Any:
    return context.tensor_type((), data_type)


# Element-wise.

for name, function, data, oracle in [
    ("abs", hlo.abs, X, np.abs),
    ("negate", hlo.negate, X, np.negative),
    ("sign", hlo.sign, X, np.sign),
    ("ceil", hlo.ceil, X, np.ceil),
    ("floor", hlo.floor, X, np.floor),
    ("round_nearest_afz", hlo.round_nearest_afz, X, lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5)),
    ("round_nearest_even", hlo.round_nearest_even, X, np.round),
    ("is_finite", hlo.is_finite, f32(1, np.inf, np.nan, -np.inf), np.isfinite),
    ("not", hlo.not_, PREDICATES, np.logical_not),
    ("popcnt", hlo.popcnt, i32(0, 7, -1, 256), lambda x: np.array([bin(int(v) & 0xFFFFFFFF).count("1") for v in x])),
    ("count_leading_zeros", hlo.count_leading_zeros, i32(0, 1, -1, 256), lambda x: np.array([32, 31, 0, 23])),
    ("real", hlo.real, COMPLEX, np.real),
    ("imag", hlo.imag, COMPLEX, np.imag),
    ("sqrt", hlo.sqrt, POSITIVE, np.sqrt),
    ("rsqrt", hlo.rsqrt, POSITIVE, lambda x: 1 / np.sqrt(x)),
    ("cbrt", hlo.cbrt, X, np.cbrt),
    ("exponential", hlo.exponential, X, np.exp),
    ("exponential_minus_one", hlo.exponential_minus_one, X, np.expm1),
    ("log", hlo.log, POSITIVE, np.log),
    ("log_plus_one", hlo.log_plus_one, POSITIVE, np.log1p),
    ("logistic", hlo.logistic, X, lambda x: 1 / (1 + np.exp(-x))),
    ("sine", hlo.sine, X, np.sin),
    ("cosine", hlo.cosine, X, np.cos),
    ("tan", hlo.tan, X, np.tan),
    ("tanh", hlo.tanh, X, np.tanh),
]:
    sample(name, data, expected=oracle(data))(lambda block, x, function=function: function(block, x))

for name, function, left, right, oracle in [
    ("add", hlo.add, X, POSITIVE, np.add),
    ("subtract", hlo.subtract, X, POSITIVE, np.subtract),
    ("multiply", hlo.multiply, X, POSITIVE, np.multiply),
    ("divide", hlo.divide, X, POSITIVE, np.divide),
    ("remainder", hlo.remainder, X, POSITIVE, np.fmod),
    ("power", hlo.power, POSITIVE, X, np.power),
    ("atan2", hlo.atan2, X, POSITIVE, np.arctan2),
    ("maximum", hlo.maximum, X, POSITIVE, np.maximum),
    ("minimum", hlo.minimum, X, POSITIVE, np.minimum),
    ("and", hlo.and_, PREDICATES, PREDICATES[::-1].copy(), np.logical_and),
    ("or", hlo.or_, PREDICATES, PREDICATES[::-1].copy(), np.logical_or),
    ("xor", hlo.xor, i32(5, 6), i32(3, 3), np.bitwise_xor),
    ("shift_left", hlo.shift_left, i32(1, -3), i32(4, 1), np.left_shift),
    ("shift_right_arithmetic", hlo.shift_right_arithmetic, i32(64, -8), i32(4, 1), np.right_shift),
    ("shift_right_logical", hlo.shift_right_logical, u32(64, 2**31), u32(4, 1), np.right_shift),
    ("complex", hlo.complex, X, POSITIVE, lambda a, b: a + 1j * b),
]:
    sample(name, left, right, expected=oracle(left, right))(
        lambda block, a, b, function=function: function(block, a, b)
    )


@sample("add", i32(1, 2), i32(-3, 4), label="integers", expected=i32(-2, 6))
def _(block: Block, a: Value, b: Value) -> Any:
    return hlo.add(block, a, b)


@sample("sine", X, label="accuracy", interpreted=False, compiled=False)
def _(block: Block, x: Value) -> Any:
    return hlo.sine(block, x, accuracy=hlo.result_accuracy(block.context, "HIGHEST"))


# Constants, conversions and comparisons.


@sample("constant", expected=M23)
def _(block: Block) -> Any:
    return hlo.constant(block, M23)


@sample("iota", expected=np.array([[0, 1, 2], [0, 1, 2]]))
def _(block: Block) -> Any:
    return hlo.iota(block, block.context.tensor_type((2, 3), np.int32), 1)


@sample("dynamic_iota", np.array([2, 3], np.int64), compiled=False, expected=np.array([[0, 0, 0], [1, 1, 1]]))
def _(block: Block, shape: Value) -> Any:
    return hlo.dynamic_iota(block, shape, block.context.tensor_type((2, 3), np.int32), 0)


@sample("convert", X, expected=i32(-1, 0, 0, 2))
def _(block: Block, x: Value) -> Any:
    return hlo.convert(block, x, np.int32)


@sample("bitcast_convert", X, expected=X.view(np.int32))
def _(block: Block, x: Value) -> Any:
    return hlo.bitcast_convert(block, x, block.context.tensor_type((4,), np.int32))


@sample("reduce_precision", f32(1.00001, 3.14159))
def _(block: Block, x: Value) -> Any:
    return hlo.reduce_precision(block, x, 5, 2)


@sample("compare", X, POSITIVE, expected=X < POSITIVE)
def _(block: Block, a: Value, b: Value) -> Any:
    return hlo.compare(block, a, b, "LT", "FLOAT")


@sample("select", PREDICATES, X, POSITIVE, expected=np.where(PREDICATES, X, POSITIVE))
def _(block: Block, predicate: Value, a: Value, b: Value) -> Any:
    return hlo.select(block, predicate, a, b)


@sample("clamp", np.float32(-1), X, np.float32(1), expected=np.clip(X, -1, 1))
def _(block: Block, low: Value, x: Value, high: Value) -> Any:
    return hlo.clamp(block, low, x, high)


# Shapes.


@sample("broadcast_in_dim", f32(1, 2), expected=np.array([[1, 1, 1], [2, 2, 2]]))
def _(block: Block, x: Value) -> Any:
    return hlo.broadcast_in_dim(block, x, block.context.tensor_type((2, 3), np.float32), [0])


@sample("broadcast", f32(1, 2), interpreted=False, expected=np.array([[1, 2]] * 3))
def _(block: Block, x: Value) -> Any:
    return hlo.broadcast(block, x, [3])


@sample("dynamic_broadcast_in_dim", f32(1, 2), np.array([2, 3], np.int64), compiled=False)
def _(block: Block, x: Value, shape: Value) -> Any:
    result = block.context.tensor_type((2, 3), np.float32)
    return hlo.dynamic_broadcast_in_dim(block, x, shape, result, [0], known_expanding_dimensions=[])


@sample("reshape", M23, expected=M23.reshape(3, 2))
def _(block: Block, x: Value) -> Any:
    return hlo.reshape(block, x, (3, 2))


@sample("dynamic_reshape", M23, np.array([3, 2], np.int64), compiled=False, expected=M23.reshape(3, 2))
def _(block: Block, x: Value, shape: Value) -> Any:
    return hlo.dynamic_reshape(block, x, shape, block.context.tensor_type((3, 2), np.float32))


@sample("transpose", M23, expected=M23.T)
def _(block: Block, x: Value) -> Any:
    return hlo.transpose(block, x, [1, 0])


@sample("reverse", M23, expected=M23[:, ::-1])
def _(block: Block, x: Value) -> Any:
    return hlo.reverse(block, x, [1])


@sample("concatenate", M23, M23, expected=np.concatenate([M23, M23], 1))
def _(block: Block, a: Value, b: Value) -> Any:
    return hlo.concatenate(block, [a, b], 1)


@sample("slice", M23, expected=M23[0:2:1, 0:3:2])
def _(block: Block, x: Value) -> Any:
    return hlo.slice(block, x, [0, 0], [2, 3], [1, 2])


@sample("real_dynamic_slice", X, i32(1), i32(4), i32(2), interpreted=False, compiled=False, expected=X[1:4:2])
def _(block: Block, x: Value, start: Value, limit: Value, stride: Value) -> Any:
    return hlo.real_dynamic_slice(block, x, start, limit, stride, block.context.tensor_type((2,), np.float32))


@sample("dynamic_slice", M23, np.int32(1), np.int32(1), expected=M23[1:2, 1:3])
def _(block: Block, x: Value, row: Value, column: Value) -> Any:
    return hlo.dynamic_slice(block, x, [row, column], [1, 2])


@sample("dynamic_update_slice", X, f32(9, 8), np.int32(1), expected=f32(-1.5, 9, 8, 2))
def _(block: Block, x: Value, update: Value, start: Value) -> Any:
    return hlo.dynamic_update_slice(block, x, update, [start])


@sample("pad", f32(1, 2), np.float32(0), expected=f32(0, 1, 0, 2, 0, 0))
def _(block: Block, x: Value, value: Value) -> Any:
    return hlo.pad(block, x, value, [1], [2], [1])


@sample("dynamic_pad", f32(1, 2), np.float32(0), i32(1), i32(2), i32(1), compiled=False, expected=f32(0, 1, 0, 2, 0, 0))
def _(block: Block, x: Value, value: Value, low: Value, high: Value, interior: Value) -> Any:
    return hlo.dynamic_pad(block, x, value, low, high, interior, block.context.tensor_type((6,), np.float32))


@sample("get_dimension_size", M23, expected=np.int32(3))
def _(block: Block, x: Value) -> Any:
    return hlo.get_dimension_size(block, x, 1)


@sample("set_dimension_size", X, np.int32(4), interpreted=False, compiled=False)
def _(block: Block, x: Value, size: Value) -> Any:
    return hlo.set_dimension_size(block, x, size, 0)


GATHER_INPUT = np.arange(12, dtype=np.float32).reshape(3, 4)


@sample("gather", GATHER_INPUT, np.array([[2], [0]], np.int32), expected=GATHER_INPUT[[2, 0]])
def _(block: Block, x: Value, indices: Value) -> Any:
    dimensions = hlo.gather_dimensions(
        block.context, offset=[1], collapsed_slice=[0], start_index_map=[0], index_vector=1
    )
    return hlo.gather(block, x, indices, dimensions, [1, 4])


@sample("dynamic_gather", GATHER_INPUT, np.array([[2], [0]], np.int32), compiled=False, expected=GATHER_INPUT[[2, 0]])
def _(block: Block, x: Value, indices: Value) -> Any:
    dimensions = hlo.gather_dimensions(
        block.context, offset=[1], collapsed_slice=[0], start_index_map=[0], index_vector=1
    )
    sizes = hlo.constant(block, i32(1, 4))
    return hlo.dynamic_gather(
        block, x, indices, sizes, dimensions, result_type=block.context.tensor_type((2, 4), np.float32)
    )


# Control flow and operations with bodies.


@sample("if", np.bool_(True), X, expected=2 * X)
def _(block: Block, predicate: Value, x: Value) -> Any:
    return hlo.if_(block, predicate, lambda inner: hlo.add(inner, x, x), lambda inner: x)


@sample("case", np.int32(1), X, expected=2 * X)
def _(block: Block, index: Value, x: Value) -> Any:
    return hlo.case(block, index, [lambda inner: x, lambda inner: hlo.add(inner, x, x)])


@sample("while", np.int32(0), np.float32(1), expected=(np.int32(5), np.float32(32)))
def _(block: Block, i: Value, x: Value) -> Any:
    def step(inner: Block, count: Value, value: Value) -> Any:
        return hlo.add(inner, count, hlo.constant(inner, 1)), hlo.add(inner, value, value)

    def condition(inner: Block, count: Value, value: Value) -> Any:
        return hlo.compare(inner, count, hlo.constant(inner, 5), "LT")

    return hlo.while_(block, [i, x], condition, step)


@sample("reduce", M23, np.float32(0), expected=M23.sum(1))
def _(block: Block, x: Value, start: Value) -> Any:
    return hlo.reduce(block, x, start, [1], add_body)


@sample("reduce_window", X, np.float32(0), expected=f32(-1.75, 0.25, 2.5, 2))
def _(block: Block, x: Value, start: Value) -> Any:
    return hlo.reduce_window(block, x, start, [2], add_body, window_strides=[1], padding=[[0, 1]])


@sample("select_and_scatter", f32(1, 3, 2, 4), f32(10, 20), np.float32(0), expected=f32(0, 10, 0, 20))
def _(block: Block, x: Value, source: Value, start: Value) -> Any:
    return hlo.select_and_scatter(
        block,
        x,
        source,
        start,
        lambda inner, a, b: hlo.compare(inner, a, b, "GE"),
        add_body,
        window_dimensions=[2],
        window_strides=[2],
        padding=[[0, 0]],
    )


@sample("sort", f32(3, 1, 2), i32(0, 1, 2), expected=(f32(1, 2, 3), i32(1, 2, 0)))
def _(block: Block, keys: Value, values: Value) -> Any:
    def comparator(inner: Block, a: Value, b: Value, *_: Value) -> Value:
        return hlo.compare(inner, a, b, "LT")

    return hlo.sort(block, [keys, values], 0, comparator, is_stable=True)


@sample("scatter", f32(0, 0, 0), np.array([[2], [0], [2]], np.int32), f32(1, 2, 3), expected=f32(2, 0, 4))
def _(block: Block, x: Value, indices: Value, updates: Value) -> Any:
    dimensions = hlo.scatter_dimensions(
        block.context, update_window=[], inserted_window=[0], scattered_to_operand=[0], index_vector=1
    )
    return hlo.scatter(block, x, indices, updates, dimensions, add_body)


@sample("map", X, POSITIVE, expected=X * POSITIVE)
def _(block: Block, a: Value, b: Value) -> Any:
    return hlo.map(block, [a, b], [0], lambda inner, x, y: hlo.multiply(inner, x, y))


# Linear algebra.


@sample("dot_general", M23, M32, expected=M23 @ M32)
def _(block: Block, a: Value, b: Value) -> Any:
    dimensions = hlo.dot_dimensions(block.context, lhs_contracting=[1], rhs_contracting=[0])
    result = block.context.tensor_type((2, 2), np.float32)
    return hlo.dot_general(block, a, b, dimensions, result, precision=["HIGHEST", "DEFAULT"])


@sample("dot_general", M23, M32, label="algorithm", interpreted=False, compiled=False)
def _(block: Block, a: Value, b: Value) -> Any:
    context = block.context
    dimensions = hlo.dot_dimensions(context, lhs_contracting=[1], rhs_contracting=[0])
    algorithm = hlo.dot_algorithm(context, lhs_precision=np.float32, rhs_precision=np.float32, accumulation=np.float32)
    result = context.tensor_type((2, 2), np.float32)
    return hlo.dot_general(block, a, b, dimensions, result, algorithm=algorithm)


@sample("dot", M23, M32, interpreted=False, expected=M23 @ M32)
def _(block: Block, a: Value, b: Value) -> Any:
    return hlo.dot(block, a, b, block.context.tensor_type((2, 2), np.float32))


IMAGE = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
KERNEL = np.array([[1, 2], [3, 4]], np.float32).reshape(2, 2, 1, 1)
CONVOLVED = np.array(
    [[(IMAGE[0, i : i + 2, j : j + 2, 0] * KERNEL[:, :, 0, 0]).sum() for j in range(3)] for i in range(3)], np.float32
).reshape(1, 3, 3, 1)


def convolution_dimensions(context: Context) -> Any:
    return hlo.convolution_dimensions(
        context,
        input_batch=0,
        input_feature=3,
        input_spatial=[1, 2],
        kernel_input_feature=2,
        kernel_output_feature=3,
        kernel_spatial=[0, 1],
        output_batch=0,
        output_feature=3,
        output_spatial=[1, 2],
    )


@sample("convolution", IMAGE, KERNEL, expected=CONVOLVED)
def _(block: Block, image: Value, kernel: Value) -> Any:
    context = block.context
    return hlo.convolution(
        block,
        image,
        kernel,
        convolution_dimensions(context),
        context.tensor_type((1, 3, 3, 1), np.float32),
        window_strides=[1, 1],
        padding=[[0, 0], [0, 0]],
        window_reversal=[False, False],
    )


@sample("dynamic_conv", IMAGE, KERNEL, compiled=False, expected=CONVOLVED)
def _(block: Block, image: Value, kernel: Value) -> Any:
    context = block.context
    padding = hlo.constant(block, np.zeros((2, 2), np.int32))
    return hlo.dynamic_conv(
        block, image, kernel, padding, convolution_dimensions(context), context.tensor_type((1, 3, 3, 1), np.float32)
    )


SPD = np.array([[4, 2], [2, 3]], np.float32)


@sample("cholesky", SPD, interpreted=False, expected=np.linalg.cholesky(SPD))
def _(block: Block, matrix: Value) -> Any:
    factor = hlo.cholesky(block, matrix, lower=True)
    # Only the lower triangle is defined.
    context = block.context
    rows = hlo.iota(block, context.tensor_type((2, 2), np.int32), 0)
    columns = hlo.iota(block, context.tensor_type((2, 2), np.int32), 1)
    zeros = hlo.constant(block, 0.0, context.tensor_type((2, 2), np.float32))
    return hlo.select(block, hlo.compare(block, rows, columns, "GE"), factor, zeros)


LOWER = np.array([[2, 0], [1, 3]], np.float32)


@sample("triangular_solve", LOWER, M23[:, :2].copy(), interpreted=False, expected=np.linalg.solve(LOWER, M23[:, :2]))
def _(block: Block, matrix: Value, right: Value) -> Any:
    return hlo.triangular_solve(block, matrix, right)


@sample(
    "fft", np.array([1, 2j, 3, 4], np.complex64), interpreted=False, expected=np.fft.fft([1, 2j, 3, 4]), tolerance=1e-4
)
def _(block: Block, x: Value) -> Any:
    return hlo.fft(block, x, "FFT", [4])


BATCH = np.array([[1, 2], [3, 6]], np.float32)
NORMALIZED = (BATCH - BATCH.mean(0)) / np.sqrt(BATCH.var(0) + 0.5)


@sample(
    "batch_norm_inference",
    BATCH,
    f32(1, 1),
    f32(0, 0),
    BATCH.mean(0),
    BATCH.var(0),
    expected=NORMALIZED,
    interpreted=False,
)
def _(block: Block, *operands: Value) -> Any:
    return hlo.batch_norm_inference(block, *operands, epsilon=0.5, feature_index=1)


@sample(
    "batch_norm_training",
    BATCH,
    f32(1, 1),
    f32(0, 0),
    expected=(NORMALIZED, BATCH.mean(0), BATCH.var(0)),
    interpreted=False,
)
def _(block: Block, *operands: Value) -> Any:
    return hlo.batch_norm_training(block, *operands, epsilon=0.5, feature_index=1)


@sample("batch_norm_grad", BATCH, f32(1, 1), BATCH.mean(0), BATCH.var(0), BATCH, interpreted=False)
def _(block: Block, *operands: Value) -> Any:
    return hlo.batch_norm_grad(block, *operands, epsilon=0.5, feature_index=1)


# Communication.


@sample("partition_id", interpreted=False, compiled=False)
def _(block: Block) -> Any:
    return hlo.partition_id(block)


@sample("replica_id", interpreted=False, expected=np.uint32(0))
def _(block: Block) -> Any:
    return hlo.replica_id(block)


@sample("after_all", X, interpreted=False, expected=X)
def _(block: Block, x: Value) -> Any:
    hlo.after_all(block, [hlo.after_all(block)])
    return x


@sample("create_token", X, interpreted=False, expected=X)
def _(block: Block, x: Value) -> Any:
    hlo.create_token(block)
    return x


@sample("send", X, interpreted=False, compiled=False)
def _(block: Block, x: Value) -> Any:
    channel = hlo.channel_handle(block.context, 1, hlo.ChannelType.DEVICE_TO_HOST)
    hlo.send(block, [x], hlo.after_all(block), channel, is_host_transfer=True)
    return x


@sample("recv", interpreted=False, compiled=False)
def _(block: Block) -> Any:
    channel = hlo.channel_handle(block.context, 2, hlo.ChannelType.HOST_TO_DEVICE)
    result = block.context.tensor_type((4,), np.float32)
    value, _token = hlo.recv(block, hlo.after_all(block), channel, [result], is_host_transfer=True)
    return value


@sample("infeed", interpreted=False, compiled=False)
def _(block: Block) -> Any:
    result = block.context.tensor_type((2, 2), np.float32)
    value, _token = hlo.infeed(block, hlo.after_all(block), [result], layout=[[0, 1]])
    return value


@sample("outfeed", X, interpreted=False, compiled=False)
def _(block: Block, x: Value) -> Any:
    hlo.outfeed(block, [x], hlo.after_all(block), configuration="c")
    return x


@sample("all_gather", X, interpreted=False, expected=X)
def _(block: Block, x: Value) -> Any:
    return hlo.all_gather(block, x, 0, [[0]], x.type)


@sample("all_reduce", X, interpreted=False, expected=X)
def _(block: Block, x: Value) -> Any:
    return hlo.all_reduce(block, x, [[0]], add_body)


@sample("reduce_scatter", X, interpreted=False, expected=X)
def _(block: Block, x: Value) -> Any:
    return hlo.reduce_scatter(block, x, 0, [[0]], add_body, x.type)


@sample("all_to_all", X, interpreted=False, expected=X)
def _(block: Block, x: Value) -> Any:
    return hlo.all_to_all(block, x, 0, 0, 1, [[0]])


@sample("collective_broadcast", X, interpreted=False, compiled=False)
def _(block: Block, x: Value) -> Any:
    return hlo.collective_broadcast(block, x, [[0]])


@sample("collective_permute", X, interpreted=False, expected=X)
def _(block: Block, x: Value) -> Any:
    return hlo.collective_permute(block, x, [[0, 0]], channel=hlo.channel_handle(block.context, 1))


@sample("cross-replica-sum", X, interpreted=False, compiled=False)
def _(block: Block, x: Value) -> Any:
    return hlo.cross_replica_sum(block, x, [[0]])


# Random numbers, tuples and the rest.


@sample("rng", interpreted=False, compiled=False)
def _(block: Block) -> Any:
    low, high, shape = hlo.constant(block, 0.0), hlo.constant(block, 1.0), hlo.constant(block, np.array([4], np.int64))
    return hlo.rng(block, low, high, shape, "UNIFORM")


@sample("rng_bit_generator", np.array([1, 2], np.uint64), interpreted=False)
def _(block: Block, state: Value) -> Any:
    result = block.context.tensor_type((3,), np.uint32)
    return hlo.rng_bit_generator(block, state, result, algorithm="THREE_FRY")


@sample("tuple", X, expected=X)
def _(block: Block, x: Value) -> Any:
    return hlo.get_tuple_element(block, hlo.tuple_(block, [x, x]), 1)


@sample("get_tuple_element", X, M23, expected=M23)
def _(block: Block, x: Value, y: Value) -> Any:
    return hlo.get_tuple_element(block, hlo.tuple_(block, [x, y]), 1)


@sample("optimization_barrier", X, expected=X)
def _(block: Block, x: Value) -> Any:
    return hlo.optimization_barrier(block, [x])


@sample("custom_call", X, interpreted=False, compiled=False)
def _(block: Block, x: Value) -> Any:
    return hlo.custom_call(
        block,
        [x],
        "some_function",
        [x.type],
        has_side_effect=True,
        backend_config={"level": np.int32(3)},
        operand_layouts=[[0]],
        result_layouts=[[0]],
        output_operand_aliases=[hlo.output_operand_alias(block.context, operand_index=0)],
    )


@sample("composite", X, interpreted=False, compiled=False)
def _(block: Block, x: Value) -> Any:
    return hlo.composite(block, [x], "my.operation", "helper", [x.type], attributes={"n": 1}, version=2)


@sample("einsum", M23, M32, interpreted=False, compiled=True, expected=M23 @ M32)
def _(block: Block, a: Value, b: Value) -> Any:
    return hlo.einsum(block, a, b, "ij,jk->ik", block.context.tensor_type((2, 2), np.float32))


@sample("unary_einsum", M23, interpreted=False, compiled=False)
def _(block: Block, x: Value) -> Any:
    return hlo.unary_einsum(block, x, "ij->i", block.context.tensor_type((2,), np.float32))


@sample("torch_index_select", GATHER_INPUT, i32(2, 0), interpreted=False, expected=GATHER_INPUT[[2, 0]])
def _(block: Block, x: Value, index: Value) -> Any:
    return hlo.torch_index_select(block, x, index, block.context.tensor_type((2, 4), np.float32), dimension=0)


@sample("return", X, expected=X)
def _(block: Block, x: Value) -> Any:
    return hlo.if_(block, hlo.constant(block, True), lambda inner: x, lambda inner: x)


def values(result: Any) -> Sequence[Value]:
    """Returns what a builder gave as a sequence of values."""
    return (result,) if isinstance(result, Value) else tuple(result)
