"""Activations and normalizations of neural networks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core.errors import DataTypeError
from ryft_core.numpy.fusion import fused
from ryft_core.numpy.reductions import max as maximum_along
from ryft_core.numpy.reductions import mean, var
from ryft_core.numpy.reductions import sum as sum_along
from ryft_core.primitives import (
    arithmetic,
    comparison,
    conversions,
    creation,
    exponential,
    manipulation,
    special_functions,
)
from ryft_core.primitives.barriers import stop_gradient
from ryft_core.primitives.operands import as_value, constant_like

if TYPE_CHECKING:
    from ryft_core.arrays import Array, ArrayLike

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_swish",
    "hard_tanh",
    "layer_norm",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "mish",
    "one_hot",
    "relu",
    "relu6",
    "rms_norm",
    "selu",
    "sigmoid",
    "silu",
    "soft_sign",
    "softmax",
    "softplus",
    "standardize",
    "swish",
    "tanh",
]

tanh = exponential.tanh
sigmoid = exponential.logistic


@fused
def relu(x: ArrayLike, /) -> Array:
    """Returns the positive part of `x`; the derivative at zero is zero."""
    x = as_value(x)
    zero = constant_like(0, x)
    if x.type.kind != "f":
        return arithmetic.maximum(x, zero)
    return comparison.select(comparison.greater(x, zero), x, comparison.select(comparison.equal(x, x), zero, x))


@fused
def relu6(x: ArrayLike, /) -> Array:
    """Returns `x` moved between zero and six."""
    return arithmetic.minimum(relu(x), 6)


@fused
def leaky_relu(x: ArrayLike, negative_slope: Any = 0.01, /) -> Array:
    """Returns `x` where it is not negative, and `negative_slope` times `x` elsewhere."""
    (x,) = arithmetic.inexact(x)
    is_positive = comparison.greater_equal(x, constant_like(0, x))
    return comparison.select(is_positive, x, arithmetic.multiply(x, negative_slope))


@fused
def softplus(x: ArrayLike, /) -> Array:
    """Returns `log(1 + exp(x))`, without overflow."""
    (x,) = arithmetic.inexact(x)
    tail = exponential.log1p(exponential.exp(arithmetic.negative(arithmetic.absolute(x))))
    return arithmetic.add(arithmetic.maximum(x, constant_like(0, x)), tail)


@fused
def log_sigmoid(x: ArrayLike, /) -> Array:
    """Returns the logarithm of the logistic function of `x`."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.negative(softplus(arithmetic.negative(x)))


@fused
def silu(x: ArrayLike, /) -> Array:
    """Returns `x` times its logistic function."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.multiply(x, sigmoid(x))


swish = silu


@fused
def mish(x: ArrayLike, /) -> Array:
    """Returns `x` times the hyperbolic tangent of its softplus."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.multiply(x, exponential.tanh(softplus(x)))


@fused
def gelu(x: ArrayLike, /, approximate: bool = True) -> Array:
    """Returns `x` times the normal distribution function of `x`; `approximate` takes the usual formula with `tanh`."""
    (x,) = arithmetic.inexact(x)
    half = constant_like(0.5, x)
    if approximate:
        cube = arithmetic.multiply(x, arithmetic.multiply(x, x))
        inner = arithmetic.multiply(math.sqrt(2.0 / math.pi), arithmetic.add(x, arithmetic.multiply(0.044715, cube)))
        return arithmetic.multiply(x, arithmetic.multiply(half, arithmetic.add(1.0, exponential.tanh(inner))))
    scaled = arithmetic.multiply(x, constant_like(-math.sqrt(0.5), x))
    return arithmetic.multiply(x, arithmetic.multiply(half, special_functions.erfc(scaled)))


@fused
def elu(x: ArrayLike, alpha: Any = 1.0, /) -> Array:
    """Returns `x` where it is positive, and `alpha * (exp(x) - 1)` elsewhere."""
    (x,) = arithmetic.inexact(x)
    zero = constant_like(0, x)
    is_positive = comparison.greater(x, zero)
    safe = comparison.select(is_positive, zero, x)  # No overflow in the case that is not chosen.
    return comparison.select(is_positive, x, arithmetic.multiply(alpha, exponential.expm1(safe)))


@fused
def celu(x: ArrayLike, alpha: Any = 1.0, /) -> Array:
    """Returns `x` where it is positive, and `alpha * (exp(x / alpha) - 1)` elsewhere."""
    (x,) = arithmetic.inexact(x)
    zero = constant_like(0, x)
    is_positive = comparison.greater(x, zero)
    safe = comparison.select(is_positive, zero, x)
    smooth = arithmetic.multiply(alpha, exponential.expm1(arithmetic.divide(safe, alpha)))
    return comparison.select(is_positive, x, smooth)


@fused
def selu(x: ArrayLike, /) -> Array:
    """Returns the scaled exponential linear unit of `x`."""
    return arithmetic.multiply(1.0507009873554804934193349852946, elu(x, 1.6732632423543772848170429916717))


@fused
def soft_sign(x: ArrayLike, /) -> Array:
    """Returns `x / (1 + |x|)`."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.divide(x, arithmetic.add(arithmetic.absolute(x), constant_like(1, x)))


@fused
def hard_tanh(x: ArrayLike, /) -> Array:
    """Returns `x` moved between -1 and 1; the derivative beyond is zero."""
    x = as_value(x)
    one = constant_like(1, x)
    low, high = comparison.less(x, arithmetic.negative(one)), comparison.greater(x, one)
    return comparison.select(high, one, comparison.select(low, arithmetic.negative(one), x))


@fused
def hard_sigmoid(x: ArrayLike, /) -> Array:
    """Returns the piecewise linear approximation of the logistic function of `x`."""
    return arithmetic.divide(relu6(arithmetic.add(*arithmetic.inexact(x, 3.0))), 6.0)


@fused
def hard_swish(x: ArrayLike, /) -> Array:
    """Returns `x` times `hard_sigmoid(x)`."""
    (x,) = arithmetic.inexact(x)
    return arithmetic.multiply(x, hard_sigmoid(x))


@fused
def glu(x: ArrayLike, /, axis: int = -1) -> Array:
    """Returns the first half of `x` along `axis` times the logistic function of the second half."""
    x = as_value(x)
    axis = manipulation.canonical_axis(axis, x.type.ndim, "glu")
    half = x.type.shape[axis] // 2
    first = manipulation.slice_along(x, axis, 0, half)
    second = manipulation.slice_along(x, axis, half, 2 * half)
    return arithmetic.multiply(first, sigmoid(second))


@fused
def _softmax(x: Any, where: Any, /, *, axis: Any) -> Any:
    (x,) = arithmetic.inexact(x)
    weights = exponential.exp(arithmetic.subtract(x, _shift(x, where, axis)))
    weights = weights if where is None else comparison.select(where, weights, constant_like(0, weights))
    return arithmetic.divide(weights, sum_along(weights, axis, keepdims=True))


def _shift(x: Any, where: Any, axis: Any) -> Any:
    """Returns the largest elements, which nothing depends on but the range of intermediate values."""
    largest = maximum_along(x, axis, True, initial=-math.inf, where=where)
    is_finite = comparison.is_finite(largest)
    return stop_gradient(comparison.select(is_finite, largest, constant_like(0, largest)))


def softmax(x: ArrayLike, axis: Any = -1, where: Any = None) -> Array:
    """Returns the exponentials of `x` divided by their sum along `axis`, of the elements where `where` is true."""
    return _softmax(as_value(x), where, axis=axis)


@fused
def _log_softmax(x: Any, where: Any, /, *, axis: Any) -> Any:
    (x,) = arithmetic.inexact(x)
    shifted = arithmetic.subtract(x, _shift(x, where, axis))
    weights = exponential.exp(shifted)
    weights = weights if where is None else comparison.select(where, weights, constant_like(0, weights))
    result = arithmetic.subtract(shifted, exponential.log(sum_along(weights, axis, keepdims=True)))
    return result if where is None else comparison.select(where, result, constant_like(-math.inf, result))


def log_softmax(x: ArrayLike, axis: Any = -1, where: Any = None) -> Array:
    """Returns the logarithm of `softmax`, without loss of precision."""
    return _log_softmax(as_value(x), where, axis=axis)


@fused
def _logsumexp(x: Any, weights: Any, /, *, axis: Any, keepdims: bool) -> Any:
    (x,) = arithmetic.inexact(x)
    shift = _shift(x, None, axis)
    terms = exponential.exp(arithmetic.subtract(x, shift))
    terms = terms if weights is None else arithmetic.multiply(terms, weights)
    result = arithmetic.add(exponential.log(sum_along(terms, axis, keepdims=True)), shift)
    return result if keepdims else manipulation.reshape(result, sum_along(x, axis).type.shape)


def logsumexp(x: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Array:
    """Returns the logarithm of the sum of the exponentials of `x`, times `b`, along `axis`, without overflow."""
    axes = tuple(axis) if isinstance(axis, list) else axis
    return _logsumexp(as_value(x), b, axis=axes, keepdims=keepdims)


@fused
def _one_hot(x: Any, /, *, num_classes: int, dtype: Any, axis: int) -> Any:
    x = as_value(x)
    if x.type.kind not in "iub":
        raise DataTypeError(f"`one_hot` expected integers, but got {x.type.dtype.name}")
    rank = x.type.ndim + 1
    axis = manipulation.canonical_axis(axis, rank, "one_hot")
    shape = [1] * rank
    shape[axis] = num_classes
    classes = manipulation.reshape(creation.iota(numpy.int32, (num_classes,)), shape)
    return conversions.convert(comparison.equal(manipulation.expand_dims(x, axis), classes), dtype)


def one_hot(x: ArrayLike, num_classes: int, *, dtype: Any = float, axis: int = -1) -> Array:
    """Returns, along a new axis, one at the position that each integer of `x` tells, and zeros elsewhere."""
    return _one_hot(as_value(x), num_classes=num_classes, dtype=dtype, axis=axis)


@fused
def _standardized(x: Any, scale: Any, offset: Any, epsilon: Any, /, *, axis: Any, centered: bool) -> Any:
    (x,) = arithmetic.inexact(x)
    if centered:
        spread = var(x, axis, keepdims=True)
        x = arithmetic.subtract(x, mean(x, axis, keepdims=True))
    else:
        spread = mean(arithmetic.multiply(x, x), axis, keepdims=True)
    result = arithmetic.multiply(x, exponential.rsqrt(arithmetic.add(spread, epsilon)))
    result = result if scale is None else arithmetic.multiply(result, scale)
    return result if offset is None else arithmetic.add(result, offset)


def standardize(x: ArrayLike, axis: Any = -1, epsilon: float = 1e-5) -> Array:
    """Returns `x` less its mean and divided by its standard deviation along `axis`."""
    return _standardized(as_value(x), None, None, epsilon, axis=axis, centered=True)


def layer_norm(x: ArrayLike, scale: Any = None, offset: Any = None, *, axis: Any = -1, epsilon: float = 1e-5) -> Array:
    """Returns `x` with mean zero and variance one along `axis`, then times `scale` and plus `offset`."""
    return _standardized(as_value(x), scale, offset, epsilon, axis=axis, centered=True)


def rms_norm(x: ArrayLike, scale: Any = None, *, axis: Any = -1, epsilon: float = 1e-6) -> Array:
    """Returns `x` divided by the root of its mean square along `axis`, then times `scale`."""
    return _standardized(as_value(x), scale, None, epsilon, axis=axis, centered=False)
