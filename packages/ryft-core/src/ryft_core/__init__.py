"""Tracing, automatic differentiation, vectorization and just-in-time compilation of numerical Python."""

from ryft_core import debug, errors, lax, nn, numpy, parameters, public_functions, trees
from ryft_core import trees as tree
from ryft_core.arrays import Array, ArrayLike
from ryft_core.backends import default_client, set_default_client
from ryft_core.errors import (
    BatchingError,
    DataTypeError,
    DifferentiationError,
    LeakedTracerError,
    OperandError,
    RyftError,
    ShapeError,
    StructureError,
    TracerError,
)
from ryft_core.parameters import parameter, parameterized, static
from ryft_core.placement import block_until_ready, device_get, device_put, devices
from ryft_core.primitives.barriers import checkpoint_name, stop_gradient
from ryft_core.primitives.callbacks import io_callback, pure_callback
from ryft_core.primitives.custom_calls import ffi_call
from ryft_core.programs import Program
from ryft_core.tracebacks import show_internal_frames
from ryft_core.tracing.evaluation import EvalTrace
from ryft_core.transforms import checkpoint_policies
from ryft_core.transforms.checkpoint import checkpoint, remat
from ryft_core.transforms.custom_rules import custom_jvp, custom_rules, custom_vjp
from ryft_core.transforms.gradients import grad, jvp, linearize, value_and_grad, vjp
from ryft_core.transforms.jacobians import hessian, jacfwd, jacrev
from ryft_core.transforms.jit import jit
from ryft_core.transforms.linear_transpose import closure_convert, eval_shape, linear_transpose
from ryft_core.transforms.scopes import disable_jit, named_scope
from ryft_core.transforms.vmap import vmap
from ryft_core.types.array_types import FLOAT0 as float0  # noqa: N811 (as in JAX)
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import default_dtypes, set_default_dtypes

__all__ = [
    "Array",
    "ArrayLike",
    "ArrayType",
    "BatchingError",
    "DataTypeError",
    "DifferentiationError",
    "EvalTrace",
    "LeakedTracerError",
    "OperandError",
    "Program",
    "RyftError",
    "ShapeError",
    "StructureError",
    "TracerError",
    "block_until_ready",
    "checkpoint",
    "checkpoint_name",
    "checkpoint_policies",
    "closure_convert",
    "custom_jvp",
    "custom_rules",
    "custom_vjp",
    "debug",
    "default_client",
    "default_dtypes",
    "device_get",
    "device_put",
    "devices",
    "disable_jit",
    "errors",
    "eval_shape",
    "ffi_call",
    "float0",
    "grad",
    "hessian",
    "io_callback",
    "jacfwd",
    "jacrev",
    "jit",
    "jvp",
    "lax",
    "linear_transpose",
    "linearize",
    "named_scope",
    "nn",
    "numpy",
    "parameter",
    "parameterized",
    "parameters",
    "public_functions",
    "pure_callback",
    "remat",
    "set_default_client",
    "set_default_dtypes",
    "show_internal_frames",
    "static",
    "stop_gradient",
    "tree",
    "trees",
    "value_and_grad",
    "vjp",
    "vmap",
]
