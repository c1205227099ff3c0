"""Layouts: how the elements of an array are arranged in memory.

The layouts themselves are those of `ryft_pjrt`, which reads and writes them. Here they meet shapes and data types.
"""

from __future__ import annotations

from collections.abc import Sequence

from ryft_core.errors import ShapeError
from ryft_core.types.data_types import DataTypeLike, canonical_dtype
from ryft_pjrt.layouts import Layout, StridedLayout, Tile, TiledLayout, parse_layout

__all__ = [
    "Layout",
    "StridedLayout",
    "Tile",
    "TiledLayout",
    "check_layout",
    "column_major",
    "is_contiguous",
    "layout_rank",
    "parse_layout",
    "row_major",
    "strided",
]


def layout_rank(layout: Layout) -> int:
    """Returns the number of axes that a layout arranges."""
    return len(layout.strides if isinstance(layout, StridedLayout) else layout.minor_to_major)


def row_major(rank: int) -> TiledLayout:
    """Returns the layout in which the last index varies fastest, which is the default.

    Example:
        >>> str(row_major(3))
        '{2,1,0}'
    """
    return TiledLayout(tuple(reversed(range(rank))))


def column_major(rank: int) -> TiledLayout:
    """Returns the layout in which the first index varies fastest."""
    return TiledLayout(tuple(range(rank)))


def check_layout(layout: Layout, shape: Sequence[int]) -> None:
    """Checks that a layout can arrange an array.

    Raises:
        ShapeError: If it has another number of axes, or a tile has more dimensions than the array.
    """
    if layout_rank(layout) != len(shape):
        found = layout_rank(layout)
        raise ShapeError(f"layout `{layout}` expected an array with {found} axes, but got one of shape {tuple(shape)}")
    tiles = layout.tiles[:1] if isinstance(layout, TiledLayout) else ()
    for tile in tiles:
        if len(tile.dimensions) > len(shape):
            text = f"tile `{tile}` expected an array with at least {len(tile.dimensions)} axes"
            raise ShapeError(f"{text}, but got one of shape {tuple(shape)}")


def strided(layout: Layout, shape: Sequence[int], dtype: DataTypeLike) -> StridedLayout:
    """Returns the same layout as distances in bytes.

    Example:
        >>> str(strided(row_major(2), (2, 3), "float32"))
        'strides(12,4)'

    Args:
        layout: Layout.
        shape: Sizes of the axes.
        dtype: Data type of the elements, which are counted as NumPy stores them: no less than a byte each.

    Raises:
        ShapeError: If the layout does not fit the shape, or has tiles: distances are not the same everywhere then.
    """
    check_layout(layout, shape)
    if isinstance(layout, StridedLayout):
        return layout
    if layout.tiles:
        raise ShapeError(f"layout `{layout}` has tiles, so there is no one stride for each axis")
    strides = [0] * len(shape)
    stride = canonical_dtype(dtype).itemsize
    for axis in layout.minor_to_major:
        strides[axis] = stride
        stride *= max(shape[axis], 1)
    return StridedLayout(tuple(strides))


def is_contiguous(layout: Layout, shape: Sequence[int], dtype: DataTypeLike) -> bool:
    """Returns whether the elements fill one block of memory, in the order of some permutation of the axes.

    Raises:
        ShapeError: If the layout does not fit the shape.
    """
    check_layout(layout, shape)
    if isinstance(layout, TiledLayout):
        return not layout.tiles
    if 0 in shape:
        return True
    steps = sorted((stride, size) for stride, size in zip(layout.strides, shape, strict=True) if size != 1)
    ends = [canonical_dtype(dtype).itemsize, *(stride * size for stride, size in steps)]
    return all(stride == end for (stride, _), end in zip(steps, ends, strict=False))
