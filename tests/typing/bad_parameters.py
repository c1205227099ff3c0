"""Mistakes with parameterized classes that a type checker finds before anything runs."""

import ryft
from ryft import Array


@ryft.parameterized
class Linear:
    weight: Array
    bias: Array | None
    features: int = ryft.static(default=3)


@ryft.parameterized(kw_only=True)
class Scaled(Linear):
    scale: Array


def use(x: Array) -> None:
    model = Linear("text", None)  # error: reportArgumentType
    Linear(x)  # error: reportCallIssue
    Linear(x, None, feature=4)  # error: reportCallIssue
    Scaled(x, None)  # error: reportCallIssue
    model.weight = x  # error: reportAttributeAccessIssue
    name: str = model.features  # error: reportAssignmentType
    print(name)
