"""Arrays, and functions of `ryft.numpy`, take what is like an array and give arrays."""

from typing import assert_type

import numpy

import ryft
import ryft.numpy as np
from ryft import Array


def operators(x: Array) -> None:
    assert_type(x + 1, Array)
    assert_type(2.0 * x - x / 3, Array)
    assert_type(-x, Array)
    assert_type(x @ x.T, Array)
    assert_type(x[0, 1:], Array)
    assert_type(x > 0, Array)
    assert_type(x == x, Array)
    assert_type(x.reshape(2, -1).sum(axis=0).astype("float32"), Array)
    assert_type(x.shape, tuple[int, ...])
    assert_type(float(x), float)
    for row in x:
        assert_type(row, Array)


def functions() -> None:
    for value in (1.0, True, numpy.ones(3), np.ones(3)):
        assert_type(np.square(value), Array)
        assert_type(np.sin(value), Array)
        assert_type(np.maximum(value, 0), Array)
    assert_type(np.mean(numpy.ones(3), axis=0), Array)
    assert_type(np.clip(numpy.ones(3), 0.0, 1.0), Array)
    assert_type(np.concatenate([np.zeros(2), np.ones(2)]), Array)
    assert_type(np.asarray([1.0, 2.0]), Array)
    assert_type(np.einsum("i,i->", np.ones(2), np.ones(2)), Array)


def errors_are_classes_of_python(x: Array) -> None:
    try:
        print(x + x)
    except ryft.ShapeError as error:
        value: ValueError = error
        print(value)
