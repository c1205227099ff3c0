"""Paths: where in a tree a leaf or a subtree is, written as one would write it in Python, like `layers[2].weight`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeAlias

__all__ = ["Entry", "Field", "Index", "Key", "Path"]


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """Step of a path to a named field of a dataclass, parameterized class or named tuple."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class Index:
    """Step of a path to an element of a tuple, list or other sequence, or to a child of a registered class."""

    index: int

    def __str__(self) -> str:
        return f"[{self.index}]"


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """Step of a path to the value of a key of a dictionary."""

    key: Any

    def __str__(self) -> str:
        if not isinstance(self.key, str):
            return f"[{self.key!r}]"
        import json  # Only here: few programs print a path.

        # Double quotes whatever `repr` would choose, so that the text depends on the key alone.
        return f"[{json.dumps(self.key, ensure_ascii=False)}]"


Entry: TypeAlias = Field | Index | Key
"""One step of a path."""


class Path(tuple[Entry, ...]):
    """Position in a tree, from its root down. Its text is what one would write behind the name of the tree.

    Example:
        >>> str(Path([Field("layers"), Index(2), Key("weight")]))
        'layers[2]["weight"]'
    """

    __slots__ = ()

    def __new__(cls, entries: Iterable[Entry] = ()) -> Path:
        return super().__new__(cls, entries)

    def __str__(self) -> str:
        return self.suffix.removeprefix(".")

    def __repr__(self) -> str:
        return f"Path({str(self)!r})"

    @property
    def suffix(self) -> str:
        """The text to write behind the name of the tree, with the dot before a field."""
        return "".join(map(str, self))

    def __truediv__(self, entry: Entry) -> Path:
        """Returns this path, continued by one step."""
        return Path((*self, entry))

    def describe(self) -> str:
        """Returns the text for a message: the path in backticks, or `the root` in words."""
        return f"`{self}`" if self else "the root"
