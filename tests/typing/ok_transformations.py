"""Transformations keep signatures and give results of the right type."""

from typing import Any, assert_type

import numpy

import ryft
import ryft.numpy as np
from ryft import Array

Parameters = dict[str, Array]


def predict(parameters: Parameters, x: Array, *, scale: float = 1.0) -> Array:
    return np.tanh(x @ parameters["weight"]) * scale


def loss(parameters: Parameters, x: Array, *, scale: float = 1.0) -> Array:
    return predict(parameters, x, scale=scale).sum()


def loss_and_count(parameters: Parameters, x: Array) -> tuple[Array, int]:
    return loss(parameters, x), 3


def use(parameters: Parameters, x: Array) -> None:
    assert_type(ryft.jit(predict)(parameters, x, scale=2.0), Array)
    assert_type(ryft.vmap(loss, in_axes=(None, 0))(parameters, x), Array)
    assert_type(ryft.checkpoint(loss)(parameters, x, scale=1.0), Array)
    assert_type(ryft.jit(static_argnames="scale")(predict)(parameters, x), Array)

    # A gradient has the type of the argument.
    assert_type(ryft.grad(loss)(parameters, x, scale=2.0), Parameters)
    assert_type(ryft.value_and_grad(loss)(parameters, x), tuple[Array, Parameters])
    assert_type(ryft.grad(loss_and_count, has_aux=True)(parameters, x), tuple[Parameters, int])
    assert_type(ryft.value_and_grad(loss_and_count, has_aux=True)(parameters, x), tuple[tuple[Array, int], Parameters])
    assert_type(ryft.grad(loss, (0, 1))(parameters, x), tuple[Any, ...])
    assert_type(ryft.value_and_grad(loss, (0, 1))(parameters, x), tuple[Array, tuple[Any, ...]])
    assert_type(ryft.jit(ryft.grad(loss))(parameters, x), Parameters)
    assert_type(ryft.vmap(ryft.grad(loss), in_axes=(None, 0))(parameters, x), Parameters)

    value, tangent = ryft.jvp(predict, (parameters, x), (parameters, x))
    assert_type(value, Array)
    assert_type(tangent, Array)
    count = ryft.jvp(loss_and_count, (parameters, x), (parameters, x), has_aux=True)[2]
    assert_type(count, int)

    result, pullback = ryft.vjp(predict, parameters, x)
    assert_type(result, Array)
    assert_type(pullback(result), tuple[Any, ...])
    linearized, derivative = ryft.linearize(predict, parameters, x)
    assert_type(linearized, Array)
    assert_type(derivative(parameters, x), Array)


def functions_without_types() -> None:
    ryft.grad(lambda x: x * x)(3.0)
    ryft.jit(lambda x: x + 1)(numpy.ones(3))
    ryft.grad(lambda w: (w["a"] ** 2).sum())({"a": numpy.ones(3)})
    ryft.vmap(lambda x, y: x @ y, in_axes=(0, None))(numpy.ones((2, 3)), numpy.ones(3))
    ryft.grad(ryft.grad(lambda x: x * x * x))(3.0)


@ryft.jit
def decorated(x: Array, steps: int = 2) -> Array:
    return x * steps


def use_decorated(x: Array) -> None:
    assert_type(decorated(x), Array)
    assert_type(decorated(x, steps=3), Array)
    decorated.lower(x).compile()
    decorated.cache_info()
