"""Random initial values of parameters.

An initializer is called with a NumPy generator, a shape, and optionally an element type. (Random numbers that are drawn
on devices, from splittable keys, belong to a later part of Ryft.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy

from ryft_core.errors import ArgumentError, ShapeError
from ryft_core.numpy.creation import asarray, full
from ryft_core.types.data_types import canonical_dtype

__all__ = [
    "Initializer",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "zeros",
]


class Initializer(Protocol):
    """Function that makes initial values."""

    def __call__(self, generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
        """Returns values of `shape` and `dtype`."""
        ...


def zeros(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
    """Returns zeros."""
    return full(tuple(shape), 0, dtype)


def ones(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
    """Returns ones."""
    return full(tuple(shape), 1, dtype)


def constant(value: Any) -> Initializer:
    """Returns an initializer that gives `value` everywhere."""

    def initialize(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
        return full(tuple(shape), value, dtype)

    return initialize


def _array(values: numpy.ndarray[Any, Any], dtype: Any) -> Any:
    return asarray(values.astype(canonical_dtype(dtype)))


def uniform(scale: float = 0.01) -> Initializer:
    """Returns an initializer that draws uniformly between zero and `scale`."""

    def initialize(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
        return _array(generator.uniform(0.0, scale, tuple(shape)), dtype)

    return initialize


def normal(deviation: float = 0.01) -> Initializer:
    """Returns an initializer that draws from a normal distribution with mean zero."""

    def initialize(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
        return _array(generator.normal(0.0, deviation, tuple(shape)), dtype)

    return initialize


def _truncated(generator: numpy.random.Generator, shape: tuple[int, ...]) -> numpy.ndarray[Any, Any]:
    """Returns normal numbers, each drawn anew until it lies between -2 and 2."""
    values = generator.normal(size=shape)
    while (outside := numpy.abs(values) > 2.0).any():
        values[outside] = generator.normal(size=int(outside.sum()))
    return values


def truncated_normal(deviation: float = 0.01) -> Initializer:
    """Returns an initializer that draws from a normal distribution cut at two deviations."""

    def initialize(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
        return _array(_truncated(generator, tuple(shape)) * deviation, dtype)

    return initialize


def variance_scaling(
    scale: float, mode: str, distribution: str, *, in_axis: int = -2, out_axis: int = -1
) -> Initializer:
    """Returns an initializer whose variance is `scale` divided by the number of connections of a unit.

    Args:
        scale: Factor of the variance.
        mode: Which connections count: "fan_in", "fan_out", or their mean, "fan_avg".
        distribution: "normal", "truncated_normal" or "uniform".
        in_axis: Axis of the inputs of the parameter.
        out_axis: Axis of its outputs. Other axes are those of a window, whose elements are connections as well.

    Raises:
        ValueError: If there is no such mode or distribution.
    """
    if mode not in ("fan_in", "fan_out", "fan_avg"):
        raise ArgumentError(f"`variance_scaling` expected 'fan_in', 'fan_out' or 'fan_avg', but got {mode!r}")
    if distribution not in ("normal", "truncated_normal", "uniform"):
        raise ArgumentError(
            f"`variance_scaling` expected 'normal', 'truncated_normal' or 'uniform', but got {distribution!r}"
        )

    def initialize(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
        sizes = tuple(shape)
        if len(sizes) < 2:
            raise ShapeError(f"`variance_scaling` expected a shape with at least two axes, but got {sizes}")
        window = math.prod(sizes) / (sizes[in_axis] * sizes[out_axis]) if math.prod(sizes) else 1.0
        fan_in, fan_out = sizes[in_axis] * window, sizes[out_axis] * window
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
        deviation = math.sqrt(scale / max(fan, 1.0))
        if distribution == "uniform":
            limit = deviation * math.sqrt(3.0)
            return _array(generator.uniform(-limit, limit, sizes), dtype)
        if distribution == "normal":
            return _array(generator.normal(0.0, deviation, sizes), dtype)
        # The deviation of a normal distribution that is cut at two deviations.
        return _array(_truncated(generator, sizes) * (deviation / 0.87962566103423978), dtype)

    return initialize


def glorot_uniform(*, in_axis: int = -2, out_axis: int = -1) -> Initializer:
    """Returns the initializer of Glorot and Bengio (2010), uniformly distributed."""
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis=in_axis, out_axis=out_axis)


def glorot_normal(*, in_axis: int = -2, out_axis: int = -1) -> Initializer:
    """Returns the initializer of Glorot and Bengio (2010), normally distributed."""
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis=in_axis, out_axis=out_axis)


def lecun_uniform(*, in_axis: int = -2, out_axis: int = -1) -> Initializer:
    """Returns the initializer of LeCun et al. (1998), uniformly distributed."""
    return variance_scaling(1.0, "fan_in", "uniform", in_axis=in_axis, out_axis=out_axis)


def lecun_normal(*, in_axis: int = -2, out_axis: int = -1) -> Initializer:
    """Returns the initializer of LeCun et al. (1998), normally distributed."""
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis=in_axis, out_axis=out_axis)


def he_uniform(*, in_axis: int = -2, out_axis: int = -1) -> Initializer:
    """Returns the initializer of He et al. (2015), uniformly distributed."""
    return variance_scaling(2.0, "fan_in", "uniform", in_axis=in_axis, out_axis=out_axis)


def he_normal(*, in_axis: int = -2, out_axis: int = -1) -> Initializer:
    """Returns the initializer of He et al. (2015), normally distributed."""
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis=in_axis, out_axis=out_axis)


def orthogonal(scale: float = 1.0) -> Initializer:
    """Returns an initializer of matrices whose rows or columns, the fewer of both, are orthogonal."""

    def initialize(generator: numpy.random.Generator, shape: Sequence[int], dtype: Any = float) -> Any:
        sizes = tuple(shape)
        if len(sizes) < 2:
            raise ShapeError(f"`orthogonal` expected a shape with at least two axes, but got {sizes}")
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        matrix = generator.normal(size=(max(rows, columns), min(rows, columns)))
        q, r = numpy.linalg.qr(matrix)
        q = q * numpy.sign(numpy.diagonal(r))
        return _array((q if rows >= columns else q.T).reshape(sizes) * scale, dtype)

    return initialize
