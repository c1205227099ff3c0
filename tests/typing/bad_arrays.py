"""Mistakes with arrays that a type checker finds before anything runs."""

import ryft.numpy as np
from ryft import Array


def use(x: Array) -> None:
    x.shape = (2, 2)  # error: reportAttributeAccessIssue
    x.summ()  # error: Cannot access attribute "summ"
    np.square("text")  # error: reportArgumentType
    np.mean([1.0, 2.0])  # error: reportArgumentType
    np.cosinus(x)  # error: "cosinus" is not a known attribute
    text: str = x + 1  # error: "Array" is not assignable to "str"
    print(text)
