"""Trees: nested containers of arrays, their leaves and structures. `ryft.tree` is this module."""

from ryft_core.trees.nodes import is_array_leaf, register_tree_leaf, register_tree_node
from ryft_core.trees.operations import (
    all,  # noqa: A004
    flatten_with_path,
    leaves,
    leaves_with_path,
    map,  # noqa: A004
    map_with_path,
    reduce,
    reduce_associative,
    structure,
    transpose,
)
from ryft_core.trees.paths import Entry, Field, Index, Key, Path
from ryft_core.trees.prefixes import broadcast, flatten_prefix, flatten_up_to, structure_difference
from ryft_core.trees.structures import IsLeaf, Structure, flatten, flatten_arguments, unflatten

__all__ = [
    "Entry",
    "Field",
    "Index",
    "IsLeaf",
    "Key",
    "Path",
    "Structure",
    "all",
    "broadcast",
    "flatten",
    "flatten_arguments",
    "flatten_prefix",
    "flatten_up_to",
    "flatten_with_path",
    "is_array_leaf",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "reduce",
    "reduce_associative",
    "register_tree_leaf",
    "register_tree_node",
    "structure",
    "structure_difference",
    "transpose",
    "unflatten",
]
