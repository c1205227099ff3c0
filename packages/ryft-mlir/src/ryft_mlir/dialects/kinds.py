"""Types and attributes of the dialects that come without hand-written modules, as far as the bindings have them.

All others are made from their text, with `Context.parse_type` and `Context.parse_attribute`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import dialect, ir

from .._arguments import check_context, check_kind, number, own, text
from .._conversions import given
from ..attribute_factories import raw_attributes
from ..attributes import Attribute, wrap_attribute
from ..types import MemRefType, Type, raw_types, wrap_type

if TYPE_CHECKING:
    from ..context import Context

__all__ = [
    "gpu_async_token_type",
    "gpu_object",
    "llvm_pointer_type",
    "llvm_struct_type",
    "mhlo_dequantize_mode",
    "mhlo_fusion_kind",
    "mpmd_user_origin",
    "nvgpu_tensor_map_descriptor_type",
]

_LARGEST = (1 << 31) - 1


def gpu_async_token_type(context: Context) -> Type:
    """Returns `!gpu.async.token`, the type of what orders asynchronous operations of the dialect `gpu`."""
    check_context(context, "`gpu_async_token_type`")
    context.load_dialect("gpu")
    return wrap_type(context, dialect("gpu").AsyncTokenType.get(context._raw))


def gpu_object(
    context: Context, target: Attribute, binary: bytes, *, kind: int = 3, properties: Mapping[str, Any] | None = None
) -> Attribute:
    """Returns `#gpu.object<...>`, a compiled kernel for one target, to be embedded into a `gpu.binary`.

    Args:
        context: Context to build the attribute in.
        target: What the kernel was compiled for, for example `#nvvm.target`.
        binary: The kernel.
        kind: A number of `gpu.CompilationTarget`, which says what `binary` holds.
        properties: Further properties by name.
    """
    check_context(context, "`gpu_object`")
    context.load_dialect("gpu")
    check_kind(binary, bytes, "a kernel", "bytes")
    more = None if properties is None else ir.DictAttr.get(raw_attributes(context, properties), context._raw)
    kind = number(kind, "the kind of a kernel", 1, 4)
    raw = dialect("gpu").ObjectAttr.get(given(context, target), kind, binary, more, context=context._raw)
    return wrap_attribute(context, raw)


def llvm_pointer_type(context: Context, address_space: int = 0) -> Type:
    """Returns `!llvm.ptr`, a pointer into an address space."""
    check_context(context, "`llvm_pointer_type`")
    context.load_dialect("llvm")
    space = number(address_space, "an address space", 0, _LARGEST)
    return wrap_type(context, dialect("llvm").PointerType.get(space, context=context._raw))


def llvm_struct_type(
    context: Context, elements: Sequence[Type] | None = None, *, name: str | None = None, packed: bool = False
) -> Type:
    """Returns `!llvm.struct<...>`: a structure of `elements`, or one that is known by `name` only.

    Args:
        context: Context to build the type in.
        elements: Types of the members. They must be left out if `name` is given.
        name: Name of an opaque structure.
        packed: Whether there is no padding between members.

    Raises:
        ValueError: If both or neither of `elements` and `name` are given.
    """
    check_context(context, "`llvm_struct_type`")
    context.load_dialect("llvm")
    struct = dialect("llvm").StructType
    if (elements is None) == (name is None):
        raise ValueError("a structure expected either `elements` or `name`")
    if name is not None:
        return wrap_type(context, struct.get_opaque(text(name, "a structure"), context._raw))
    raw = raw_types(context, elements or ())
    literal = struct.get_literal(raw, packed=bool(packed), loc=context._unknown, context=context._raw)
    return wrap_type(context, literal)


def mhlo_dequantize_mode(context: Context, mode: str = "MIN_COMBINED") -> Attribute:
    """Returns `#mhlo<dequantize_mode MIN_COMBINED>`; there is no other mode."""
    check_context(context, "`mhlo_dequantize_mode`")
    return _choice(context, "DequantizeModeAttr", mode, ("MIN_COMBINED",))


def mhlo_fusion_kind(context: Context, kind: str) -> Attribute:
    """Returns `#mhlo<fusion_kind ...>`: `"kLoop"`, `"kInput"`, `"kOutput"` or `"kCustom"`."""
    check_context(context, "`mhlo_fusion_kind`")
    return _choice(context, "FusionKindAttr", kind, ("kLoop", "kInput", "kOutput", "kCustom"))


def mpmd_user_origin(context: Context, name: str, transpose_count: int = 0) -> Attribute:
    """Returns `#mpmd.user_origin<...>`: which named computation code comes from, and how often it was transposed."""
    check_context(context, "`mpmd_user_origin`")
    count = number(transpose_count, "`transpose_count`", 0, _LARGEST)
    raw = dialect("mpmd").UserOriginAttr.get(text(name, "a named computation"), count, context._raw)
    return wrap_attribute(context, raw)


def nvgpu_tensor_map_descriptor_type(
    context: Context, tensor: Type, *, swizzle: int = 0, l2_promotion: int = 0, fill: int = 0, interleave: int = 0
) -> Type:
    """Returns `!nvgpu.tensormap.descriptor<...>`, which tells the hardware how to copy tiles.

    Args:
        context: Context to build the type in.
        tensor: Memory that a tile is copied to, a `memref`.
        swizzle: A number of `nvgpu.TensorMapSwizzleKind`.
        l2_promotion: A number of `nvgpu.TensorMapL2PromoKind`.
        fill: A number of `nvgpu.TensorMapOOBKind`: what stands for elements out of bounds.
        interleave: A number of `nvgpu.TensorMapInterleaveKind`.

    Raises:
        TypeError: If `tensor` is not a `memref`.
    """
    check_context(context, "`nvgpu_tensor_map_descriptor_type`")
    context.load_dialect("nvgpu")
    memory = own(context, tensor, MemRefType, "`memref` type")
    given_numbers = zip((swizzle, l2_promotion, fill, interleave), (3, 3, 1, 2), strict=True)
    numbers = [number(item, "a tensor map", 0, highest) for item, highest in given_numbers]
    raw = dialect("nvgpu").TensorMapDescriptorType.get(memory._raw, *numbers, context=context._raw)
    return wrap_type(context, raw)


def _choice(context: Context, kind: str, value: str, choices: Sequence[str]) -> Attribute:
    if value not in choices:
        raise ValueError(f"expected one of {', '.join(choices)}, but got {value!r}")
    return wrap_attribute(context, getattr(dialect("mhlo"), kind).get(value, context._raw))
