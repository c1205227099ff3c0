"""Tracing, automatic differentiation, vectorization and just-in-time compilation of numerical Python."""

from ryft_core import errors, numpy, trees
from ryft_core.arrays import Array
from ryft_core.errors import (
    BatchingError,
    DataTypeMismatchError,
    DifferentiationError,
    LeakedTracerError,
    OperandError,
    RyftError,
    ShapeError,
    StructureError,
    TracerError,
)
from ryft_core.programs import Program
from ryft_core.tracing.evaluation import EvalTrace
from ryft_core.transforms.gradients import grad, hessian, jacfwd, jacrev, jvp, linearize, value_and_grad, vjp
from ryft_core.transforms.jit import jit
from ryft_core.transforms.vmap import vmap
from ryft_core.types.array_types import ArrayType

tree = trees

__all__ = [
    "Array",
    "ArrayType",
    "BatchingError",
    "DataTypeMismatchError",
    "DifferentiationError",
    "EvalTrace",
    "LeakedTracerError",
    "OperandError",
    "Program",
    "RyftError",
    "ShapeError",
    "StructureError",
    "TracerError",
    "errors",
    "grad",
    "hessian",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "numpy",
    "tree",
    "trees",
    "value_and_grad",
    "vjp",
    "vmap",
]
