"""The NumPy-like surface: functions on arrays, named as in NumPy."""

from ryft_core.numpy.reductions import all, any, argmax, argmin, max, mean, min, prod, std, sum, var
from ryft_core.primitives.arithmetic import add, maximum, minimum, multiply, subtract
from ryft_core.primitives.exponential import exp, log, sin, tanh

__all__ = [
    "add",
    "all",
    "any",
    "argmax",
    "argmin",
    "exp",
    "log",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "prod",
    "sin",
    "std",
    "subtract",
    "sum",
    "tanh",
    "var",
]
