"""Mistakes that a type checker finds before anything runs."""

import ryft
from ryft import Array


def predict(x: Array, *, scale: float = 1.0) -> Array:
    return x * scale


def two(x: Array) -> tuple[Array, Array]:
    return x, x


def use(x: Array) -> None:
    ryft.jit(predict)(x, factor=2.0)  # error: No parameter named "factor"
    ryft.jit(predict)("text")  # error: reportArgumentType
    ryft.vmap(predict)()  # error: reportCallIssue
    ryft.checkpoint(predict)(x, x)  # error: reportCallIssue
    ryft.grad(predict)(x, factor=2.0)  # error: No parameter named "factor"
    ryft.grad(two)(x)  # error: reportCallIssue reportArgumentType
    ryft.grad(predict, has_aux=True)(x)  # error: reportCallIssue reportArgumentType
    gradient: str = ryft.grad(predict)(x)  # error: "Array" is not assignable to "str"
    value, tangent, more = ryft.jvp(predict, (x,), (x,))  # error: Tuple size mismatch
    ryft.jit(predict, static_argnumbers=0)  # error: reportCallIssue
    ryft.jit(predict).compile(x)  # error: reportAttributeAccessIssue
    print(gradient, value, tangent, more)
