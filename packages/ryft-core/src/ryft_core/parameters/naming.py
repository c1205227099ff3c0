"""Naming: trees as flat dictionaries from the paths of leaves to leaves, as they are kept in files of weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ryft_core.errors import StructureError
from ryft_core.trees.operations import leaves_with_path
from ryft_core.trees.paths import Path
from ryft_core.trees.prefixes import structure_of
from ryft_core.trees.structures import unflatten

__all__ = ["MissingLeavesError", "UnusedLeavesError", "from_named_leaves", "named_leaves"]

_MAXIMUM_LISTED = 10


class MissingLeavesError(StructureError):
    """No value was given for some leaves.

    Attributes:
        paths: Paths of these leaves, in the order of the structure.
    """

    def __init__(self, message: str, paths: tuple[str, ...]) -> None:
        super().__init__(message)
        self.paths = paths


class UnusedLeavesError(StructureError):
    """Values were given that belong to no leaf.

    Attributes:
        paths: Paths that they were given for, sorted.
    """

    def __init__(self, message: str, paths: tuple[str, ...]) -> None:
        super().__init__(message)
        self.paths = paths


def named_leaves(tree: Any) -> dict[str, Any]:
    """Returns the leaves of a tree by the text of their paths, in order.

    Example:
        >>> named_leaves({"layers": [1, 2]})
        {'["layers"][0]': 1, '["layers"][1]': 2}
    """
    return {str(path): leaf for path, leaf in leaves_with_path(tree)}


def from_named_leaves(structure: Any, leaves: Mapping[str, Any], *, prefix: bool = False) -> Any:
    """Returns the tree with a structure whose leaves are given by their paths, in any order.

    Example:
        >>> from_named_leaves({"layers": [0, 0], "scale": 0}, {"": 1, '["layers"]': 2, '["layers"][1]': 3}, prefix=True)
        {'layers': [2, 3], 'scale': 1}

    Args:
        structure: Structure, or a tree that has it.
        leaves: Leaves by the text of their paths.
        prefix: Whether a path also stands for all leaves below it that have no longer one. The root is `""`.

    Raises:
        MissingLeavesError: If there is no value for some leaves.
        UnusedLeavesError: If a value is that of no leaf.
    """
    structure = structure_of(structure)
    found = [_find(path, leaves, prefix) for path in structure.paths]
    missing = [str(path) for path, name in zip(structure.paths, found, strict=True) if name is None]
    unused = sorted({*leaves}.difference(name for name in found if name is not None))
    if missing:
        raise _missing(missing, unused, structure.num_leaves)
    if unused:
        text = f"got values for {_listed(unused)}, which {'is' if len(unused) == 1 else 'are'} not in the structure"
        raise UnusedLeavesError(text, tuple(unused))
    return unflatten(structure, [leaves[name] for name in found if name is not None])


def _find(path: Path, leaves: Mapping[str, Any], prefix: bool) -> str | None:
    """Returns the longest text in `leaves` that stands for `path`."""
    for length in range(len(path), -1 if prefix else len(path) - 1, -1):
        if (text := str(Path(path[:length]))) in leaves:
            return text
    return None


def _missing(missing: list[str], unused: list[str], expected: int) -> MissingLeavesError:
    import difflib  # Only for this error.

    error = MissingLeavesError(f"expected {expected} leaves, but got no value for {_listed(missing)}", tuple(missing))
    close = [name for path in missing[:1] for name in difflib.get_close_matches(path, unused, n=1)]
    if close:
        error.add_note(f"hint: there is a value for `{close[0]}`, which is not in the structure")
    return error


def _listed(paths: Iterable[str]) -> str:
    texts = [f"`{path}`" if path else "the root" for path in paths]
    more = len(texts) - _MAXIMUM_LISTED
    return ", ".join(texts[:_MAXIMUM_LISTED]) + (f" and {more} more" if more > 0 else "")
