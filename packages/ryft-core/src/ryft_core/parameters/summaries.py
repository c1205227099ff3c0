"""Summaries of trees for people: how many parameters there are, how large they are, and what the tree looks like."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy

from ryft_core.errors import DataTypeError, StructureError
from ryft_core.trees.nodes import is_array_leaf, kind_of
from ryft_core.trees.operations import leaves_with_path
from ryft_core.trees.structures import flatten
from ryft_core.types.data_types import bit_width, canonical_dtype

__all__ = ["format_leaf", "format_tree", "parameter_bytes", "parameter_count", "summarize"]


def _size(leaf: Any) -> int:
    return math.prod(getattr(leaf, "shape", ()))


def _bytes(leaf: Any) -> int:
    try:
        return -(-_size(leaf) * bit_width(canonical_dtype(leaf)) // 8)
    except DataTypeError:  # Not a number: a key of a random number generator, or the tangent of an integer.
        return _size(leaf) * getattr(leaf.dtype, "itemsize", 0)


def parameter_count(tree: Any) -> int:
    """Returns the number of elements of all arrays and numbers in a tree."""
    return sum(_size(leaf) for leaf in flatten(tree)[0] if is_array_leaf(leaf))


def parameter_bytes(tree: Any) -> int:
    """Returns the size of all arrays and numbers in a tree. Narrow types count as packed: two `int4` are one byte."""
    return sum(_bytes(leaf) for leaf in flatten(tree)[0] if is_array_leaf(leaf))


def format_leaf(leaf: Any) -> str:
    """Returns the text for one leaf: data type and shape of an array, the value of a number, the name of a function."""
    if hasattr(leaf, "shape") and hasattr(leaf, "dtype") and not isinstance(leaf, (type, numpy.generic)):
        return f"{getattr(leaf.dtype, 'name', leaf.dtype)}[{', '.join(map(str, leaf.shape))}]"
    if callable(leaf) and hasattr(leaf, "__qualname__"):
        return f"<{type(leaf).__name__} {leaf.__qualname__}>"
    return repr(leaf)


def format_tree(tree: Any, *, width: int = 100) -> str:
    """Returns a tree as text that shows the data types and shapes of arrays, and breaks lines where they get too long.

    Example:
        >>> print(format_tree({"weight": numpy.ones((2, 3)), "scale": 0.5}))
        {'scale': 0.5, 'weight': float64[2, 3]}

    Args:
        tree: The tree.
        width: Longest line that may hold a whole container.

    Raises:
        StructureError: If the tree is nested too deeply, or contains itself.
    """
    try:
        return "\n".join(_format(tree, width))
    except RecursionError as error:
        raise StructureError("the tree is nested too deeply, or contains itself") from error


def _format(tree: Any, width: int) -> list[str]:
    kind = kind_of(tree)
    if kind is None or tree is None:
        return [format_leaf(tree)]
    children, metadata = kind.flatten(tree)
    opening, closing, labels = f"{kind.type.__qualname__}(", ")", [""] * len(children)
    parts = [_format(child, width - 4) for child in children]
    if kind.type in (list, tuple):
        opening, closing = "[]" if kind.type is list else "()"
    elif kind.type is dict:
        (opening, closing), labels = "{}", [f"{key!r}: " for key in metadata]
    elif dataclasses.is_dataclass(kind.type):
        entries = map(str, kind.entries(metadata, len(children)))
        texts = {entry[1:]: part for entry, part in zip(entries, parts, strict=True)}
        for name, value in zip(kind.static_names, metadata[0] if metadata else (), strict=True):
            texts[name] = [format_leaf(value)]
        shown = [field.name for field in dataclasses.fields(kind.type) if field.repr]
        labels, parts = [f"{name}=" for name in shown], [texts[name] for name in shown]
    else:
        labels = [f"{str(entry).removeprefix('.')}=" for entry in kind.entries(metadata, len(children))]
    parts = [[label + lines[0], *lines[1:]] for label, lines in zip(labels, parts, strict=True)]
    line = opening + ", ".join(lines[0] for lines in parts) + ("," if kind.type is tuple and len(parts) == 1 else "")
    if all(len(lines) == 1 for lines in parts) and len(line) < width:
        return [line + closing]
    inner = [f"    {text}" for lines in parts for text in (*lines[:-1], lines[-1] + ",")]
    return [opening, *inner, closing]


def summarize(tree: Any) -> str:
    """Returns a table of all leaves of a tree, with their paths, types, numbers of elements and sizes, and the totals.

    Example:
        >>> print(summarize({"weight": numpy.ones((2, 3), "float32"), "scale": 0.5}))
        path        type           elements  bytes
        ["scale"]   0.5                   1      4
        ["weight"]  float32[2, 3]         6     24
        total       2 leaves              7     28
    """
    rows = [("path", "type", "elements", "bytes")]
    entries = leaves_with_path(tree)
    for path, leaf in entries:
        counted = is_array_leaf(leaf)
        rows.append(
            (str(path), format_leaf(leaf), f"{_size(leaf) if counted else 0:,}", f"{_bytes(leaf) if counted else 0:,}")
        )
    leaves = f"{len(entries)} {'leaf' if len(entries) == 1 else 'leaves'}"
    rows.append(("total", leaves, f"{parameter_count(tree):,}", f"{parameter_bytes(tree):,}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}" for row in rows
    )
