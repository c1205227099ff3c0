"""Layouts: how the elements of an array are arranged in memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt._wire import encode_bytes, encode_integer, encode_packed
from ryft_pjrt.data_types import BufferType, dimensions
from ryft_pjrt.data_types import element_type as convert_element_type
from ryft_pjrt.errors import ArgumentError
from ryft_xla_sys.ffi import CData, ffi, lib

__all__ = [
    "BufferSpecification",
    "Layout",
    "StridedLayout",
    "Tile",
    "TiledLayout",
    "layout_to_c",
    "parse_layout",
    "read_layout",
]

_COMBINED = -(2**63)


@dataclass(frozen=True)
class Tile:
    """Block that the dimensions of an array are divided into, most major first.

    Attributes:
        dimensions: Size of the block in each dimension; `None` stands for a dimension that is combined with the next.
    """

    dimensions: tuple[int | None, ...]

    def __post_init__(self) -> None:
        check_type("dimensions", self.dimensions, tuple, "a tuple of sizes")
        for size in self.dimensions:
            if size is not None:
                check_integer("dimensions", size, 0, 2**63 - 1)

    def __str__(self) -> str:
        return f"({','.join('*' if size is None else str(size) for size in self.dimensions)})"


@dataclass(frozen=True)
class TiledLayout:
    """Order of the dimensions in memory, and the tiles that they are divided into.

    Attributes:
        minor_to_major: Dimensions, from the one whose index varies fastest in memory to the slowest.
        tiles: Tiles, each dividing what the one before gives.
    """

    minor_to_major: tuple[int, ...]
    tiles: tuple[Tile, ...] = ()

    def __post_init__(self) -> None:
        check_type("minor_to_major", self.minor_to_major, tuple, "a tuple of dimensions")
        if sorted(self.minor_to_major) != list(range(len(self.minor_to_major))):
            raise ArgumentError(
                f"`minor_to_major` expected each dimension from 0 to {len(self.minor_to_major) - 1} once, "
                f"but got {self.minor_to_major}"
            )

    @property
    def is_row_major(self) -> bool:
        """Whether the last dimension varies fastest, and so on to the first, without tiles."""
        return not self.tiles and self.minor_to_major == tuple(range(len(self.minor_to_major)))[::-1]

    def serialize(self) -> bytes:
        """Returns the layout as a serialized `LayoutProto`."""
        tiles = (
            encode_bytes(6, encode_packed(1, (_COMBINED if size is None else size for size in tile.dimensions)))
            for tile in self.tiles
        )
        return encode_packed(1, self.minor_to_major) + b"".join(tiles)

    def __str__(self) -> str:
        tiles = f":T{''.join(map(str, self.tiles))}" if self.tiles else ""
        return f"{{{','.join(map(str, self.minor_to_major))}{tiles}}}"


@dataclass(frozen=True)
class StridedLayout:
    """Distance in memory between neighbours in each dimension.

    Attributes:
        strides: Bytes between neighbours in each dimension; they may be negative.
    """

    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        check_type("strides", self.strides, tuple, "a tuple of strides")
        for stride in self.strides:
            check_integer("strides", stride, -(2**63), 2**63 - 1)

    def __str__(self) -> str:
        return f"strides({','.join(map(str, self.strides))})"


Layout: TypeAlias = TiledLayout | StridedLayout

_TILED = re.compile(r"\{([0-9,]*)(?::(.*))?\}", re.DOTALL)
_STRIDED = re.compile(r"strides\(([-0-9,]*)\)")
_PROPERTY = re.compile(r"(T|L|E|M|S|SC)((?:\([-*0-9:,]*\))+)")


def _integers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ArgumentError(f"`layout` expected integers separated by commas, but got {text!r}") from None


def parse_layout(text: str) -> Layout:
    """Returns the layout that `text` describes, as `{1,0:T(8,128)(2,1)}` or `strides(24,8)`.

    The alignment, element size, memory space, padding and split of a tiled layout are accepted and left out.

    Raises:
        ArgumentError: If `text` is malformed, or describes a sparse layout.
    """
    compact = "".join(text.split())
    strided = _STRIDED.fullmatch(compact)
    if strided:
        return StridedLayout(_integers(strided[1]))
    tiled = _TILED.fullmatch(compact)
    if not tiled:
        raise ArgumentError(f"`layout` expected a form such as {{1,0}} or strides(8,4), but got {text!r}")
    tiles: list[Tile] = []
    rest = tiled[2] or ""
    while rest:
        if rest[0] in "D#P*":
            raise ArgumentError(f"`layout` expected a dense layout, but got the sparse {text!r}")
        found = _PROPERTY.match(rest)
        if not found:
            raise ArgumentError(f"`layout` expected the properties T, L, E, M, S or SC, but got {rest!r} in {text!r}")
        if found[1] == "T":
            for part in found[2][1:-1].split(")("):
                sizes = part.split(",") if part else []
                tiles.append(Tile(tuple(None if size == "*" else _integers(size)[0] for size in sizes)))
        rest = rest[found.end() :]
    return TiledLayout(_integers(tiled[1]), tuple(tiles))


def layout_to_c(layout: Layout, rank: int) -> tuple[CData, tuple[CData, ...]]:
    """Returns a `PJRT_Buffer_MemoryLayout *`, and the C objects that must stay alive as long as it is used.

    Raises:
        ArgumentError: If the layout is not one of an array with `rank` dimensions.
        ArgumentTypeError: If it is not a layout.
    """
    check_type("layout", layout, (TiledLayout, StridedLayout), "a layout")
    target = ffi.new("PJRT_Buffer_MemoryLayout *", {"struct_size": lib.PJRT_Buffer_MemoryLayout_STRUCT_SIZE})
    given = len(layout.strides if isinstance(layout, StridedLayout) else layout.minor_to_major)
    if given != rank:
        raise ArgumentError(f"`layout` expected {rank} dimension(s), but got {layout} with {given}")
    if isinstance(layout, StridedLayout):
        strides = ffi.new("int64_t[]", layout.strides)
        target.type = lib.PJRT_Buffer_MemoryLayout_Type_Strides
        target.strides.struct_size = lib.PJRT_Buffer_MemoryLayout_Strides_STRUCT_SIZE
        target.strides.byte_strides, target.strides.num_byte_strides = strides, rank
        return target, (target, strides)
    order = ffi.new("int64_t[]", layout.minor_to_major)
    sizes = [_COMBINED if size is None else size for tile in layout.tiles for size in tile.dimensions]
    flat = ffi.new("int64_t[]", sizes)
    ranks = ffi.new("size_t[]", [len(tile.dimensions) for tile in layout.tiles])
    target.type = lib.PJRT_Buffer_MemoryLayout_Type_Tiled
    tiled = target.tiled
    tiled.struct_size = lib.PJRT_Buffer_MemoryLayout_Tiled_STRUCT_SIZE
    tiled.minor_to_major, tiled.minor_to_major_size = order, rank
    tiled.tile_dims, tiled.tile_dim_sizes, tiled.num_tiles = flat, ranks, len(layout.tiles)
    return target, (target, order, flat, ranks)


def read_layout(source: CData) -> Layout:
    """Returns the layout in a filled `PJRT_Buffer_MemoryLayout`."""
    if source.type == lib.PJRT_Buffer_MemoryLayout_Type_Strides:
        count = source.strides.num_byte_strides
        return StridedLayout(tuple(source.strides.byte_strides[i] for i in range(count)))
    tiled = source.tiled
    tiles: list[Tile] = []
    position = 0
    for i in range(tiled.num_tiles):
        sizes = [tiled.tile_dims[position + j] for j in range(tiled.tile_dim_sizes[i])]
        tiles.append(Tile(tuple(None if size == _COMBINED else size for size in sizes)))
        position += len(sizes)
    return TiledLayout(tuple(tiled.minor_to_major[i] for i in range(tiled.minor_to_major_size)), tuple(tiles))


@dataclass(frozen=True)
class BufferSpecification:
    """Element type, dimensions, and optionally the layout of a buffer.

    Attributes:
        element_type: Element type.
        shape: Dimensions.
        layout: Layout on the device, or `None` for the device's default.
    """

    element_type: BufferType
    shape: tuple[int, ...]
    layout: Layout | None = None

    def __init__(self, element_type: BufferType | object, shape: Sequence[int], layout: Layout | None = None) -> None:
        object.__setattr__(self, "element_type", convert_element_type(element_type))
        object.__setattr__(self, "shape", dimensions(shape))
        object.__setattr__(self, "layout", layout)

    @classmethod
    def parse(cls, text: str) -> BufferSpecification:
        """Returns the specification that `text` describes, as `f32[2,3]` or `f32[2,3]{1,0:T(4,2)}`.

        A dimension `?` stands for 0 and `<=5` for 5.

        Raises:
            ArgumentError: If `text` is malformed.
        """
        found = re.fullmatch(r"\s*(\w+)\s*\[([^\]]*)\]\s*(.*?)\s*", text, re.DOTALL)
        if not found:
            raise ArgumentError(f"`specification` expected a form such as f32[2,3]{{1,0}}, but got {text!r}")
        parts = [part.strip() for part in found[2].split(",")] if found[2].strip() else []
        sizes = tuple(0 if part == "?" else _integers(part.removeprefix("<="))[0] for part in parts)
        return cls(BufferType.parse(found[1]), sizes, parse_layout(found[3]) if found[3] else None)

    def serialize(self) -> bytes:
        """Returns the specification as a serialized `ShapeProto`.

        Raises:
            ArgumentError: If the layout is strided, which the message cannot express.
        """
        if isinstance(self.layout, StridedLayout):
            raise ArgumentError(f"a `ShapeProto` expected a tiled layout, but got {self.layout}")
        return b"".join(
            (
                encode_integer(2, self.element_type.proto),
                encode_packed(3, self.shape),
                encode_packed(6, (0 for _ in self.shape)),
                b"" if self.layout is None else encode_bytes(5, self.layout.serialize()),
            )
        )

    def __str__(self) -> str:
        layout = "" if self.layout is None else str(self.layout)
        return f"{self.element_type}[{','.join(map(str, self.shape))}]{layout}"
