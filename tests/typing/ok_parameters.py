"""Parameterized classes have typed fields and constructors, and gradients of their type."""

from collections.abc import Callable
from typing import Generic, TypeVar, assert_type

import ryft
import ryft.numpy as np
from ryft import Array

T = TypeVar("T")


@ryft.parameterized
class Linear:
    weight: Array
    bias: Array | None = None
    features: int = ryft.static(default=3)
    activation: Callable[[Array], Array] = np.tanh

    def __call__(self, x: Array) -> Array:
        return self.activation(x @ self.weight)

    @ryft.jit
    def apply(self, x: Array) -> Array:
        return self(x)


@ryft.parameterized(kw_only=True)
class Scaled(Linear):
    scale: Array


@ryft.parameterized
class Box(Generic[T]):
    value: T


def loss(model: Linear, x: Array) -> Array:
    return model(x).sum()


def use(x: Array) -> None:
    model = Linear(x, features=4)
    assert_type(model.features, int)
    assert_type(model.apply(x), Array)
    assert_type(ryft.grad(loss)(model, x), Linear)
    assert_type(ryft.value_and_grad(loss)(model, x), tuple[Array, Linear])
    assert_type(ryft.jit(loss)(Scaled(x, scale=x), x), Array)
    assert_type(Box(x).value, Array)
