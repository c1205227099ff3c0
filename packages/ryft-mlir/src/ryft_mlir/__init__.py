"""Ownership-aware MLIR: contexts, modules, operations, types, attributes, and builders of the dialects XLA speaks."""

from .attributes import Attribute
from .blocks import Block, Region
from .context import Context
from .diagnostics import Diagnostic, DiagnosticSeverity
from .errors import (
    BuildError,
    ContextError,
    ErasedError,
    InterpreterError,
    MlirError,
    OwnershipError,
    ParseError,
    PassError,
    SerializationError,
    VerificationError,
)
from .locations import Location
from .modules import Module
from .operations import Operation
from .types import ShapedType, Size, TensorType, Type
from .values import Use, Value

__all__ = [
    "Attribute",
    "Block",
    "BuildError",
    "Context",
    "ContextError",
    "Diagnostic",
    "DiagnosticSeverity",
    "ErasedError",
    "InterpreterError",
    "Location",
    "MlirError",
    "Module",
    "Operation",
    "OwnershipError",
    "ParseError",
    "PassError",
    "Region",
    "SerializationError",
    "ShapedType",
    "Size",
    "TensorType",
    "Type",
    "Use",
    "Value",
    "VerificationError",
]
