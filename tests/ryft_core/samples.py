"""Samples: applications of primitives that `test_primitives` checks every rule with.

Each module `samples_*.py` in this directory defines `SAMPLES`, a list of `Sample`. Every primitive needs at least one
for which every check runs, or a written reason in `without`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from ryft_core import primitives
from ryft_core.primitives.base import PRIMITIVES, Primitive

CHECKS = ("types", "reference", "interpreter", "jvp", "transpose", "vmap")
"""What is checked of every primitive."""


UNSAMPLED = {
    "custom_call": "it runs native code, which NumPy and the interpreter cannot: see `test_callbacks`",
    "callback": "it calls Python: see `test_callbacks`",
}
"""Primitives that have no sample, each with the reason."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One application of a primitive.

    Attributes:
        primitive: Primitive with its static parameters.
        operands: Its operands.
        tolerance: Largest relative and absolute difference from the reference.
        step: Step of the finite differences.
        derivative_tolerance: Largest difference from the finite differences.
        without: Checks that do not apply to this sample, each with the reason.
        constant: Operands that derivatives are not taken with respect to, for example those at a jump.
    """

    primitive: Primitive
    operands: tuple[numpy.ndarray[Any, Any], ...]
    tolerance: float = 1e-6
    step: float = 1e-6
    derivative_tolerance: float = 1e-6
    without: Mapping[str, str] = field(default_factory=dict)
    constant: Sequence[int] = ()

    def __str__(self) -> str:
        listed = ",".join(f"{operand.dtype.name}{list(operand.shape)}" for operand in self.operands)
        return f"{self.primitive.text()}({listed})".replace(" ", "")


def sample(primitive: Primitive, *operands: Any, **options: Any) -> Sample:
    """Returns the sample of `primitive` for `operands`, which are anything that NumPy makes arrays of."""
    arrays = tuple(numpy.asarray(operand) for operand in operands)
    dtypes = [array.dtype for array in arrays if array.dtype.kind in "fcV"]
    if "tolerance" not in options and dtypes:
        options["tolerance"] = max(_TOLERANCES.get(dtype.name, 1e-6) for dtype in dtypes)
    return Sample(primitive, arrays, **options)


_TOLERANCES = {
    "float64": 1e-11,
    "complex128": 1e-11,
    "float32": 1e-5,
    "complex64": 1e-5,
    "float16": 4e-3,
    "bfloat16": 3e-2,
}


def numbers(
    shape: Sequence[int], dtype: Any = "float64", low: float = -2.0, high: float = 2.0, seed: int = 0
) -> numpy.ndarray[Any, Any]:
    """Returns reproducible random numbers between `low` and `high` in any element type."""
    generator = numpy.random.default_rng([seed, *shape])
    dtype = numpy.dtype(dtype)
    if dtype.kind == "b":
        return generator.random(tuple(shape)) < 0.5
    if dtype.kind in "iu":
        return generator.integers(int(low), int(high), tuple(shape), endpoint=True).astype(dtype)
    values = generator.uniform(low, high, tuple(shape))
    if dtype.kind == "c":
        values = values + 1j * generator.uniform(low, high, tuple(shape))
    return numpy.asarray(values).astype(dtype)


def distinct(shape: Sequence[int], dtype: Any = "float64", seed: int = 0) -> numpy.ndarray[Any, Any]:
    """Returns numbers no two of which are nearly equal, in random order."""
    size = int(numpy.prod(tuple(shape)))
    return (numpy.random.default_rng(seed).permutation(size) - size // 3).reshape(tuple(shape)).astype(dtype)


def all_primitives() -> dict[str, type[Primitive]]:
    """Returns every primitive by name, after importing every module that may define one."""
    for module in pkgutil.walk_packages(primitives.__path__, "ryft_core.primitives."):
        importlib.import_module(module.name)
    return dict(PRIMITIVES)


def all_samples() -> list[Sample]:
    """Returns the samples of every module `samples_*.py`."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("samples_*.py"))
    return [each for name in names for each in importlib.import_module(name).SAMPLES]
