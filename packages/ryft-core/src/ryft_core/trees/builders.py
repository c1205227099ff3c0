"""Builders: putting trees together from their structure and their leaves.

Walking a structure costs some calls for each of its containers. For a structure that is used again and again, such as
that of the parameters of a model in training, the same work is written out as one Python expression and compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from ryft_core.trees.keys import FLAT, LEAF, MEMO, STATIC, NodeKey, child_keys, is_immutable
from ryft_core.trees.kinds import NodeKind

__all__ = ["build", "build_remembering", "compile_builder", "put_together"]


def build(key: NodeKey, leaves: Iterator[Any]) -> Any:
    """Returns the tree with the structure `key`. Takes its leaves from `leaves`."""
    if key == LEAF:
        return next(leaves)
    kind, metadata, children = key
    if type(children) is int:
        values = tuple(islice(leaves, children))
        tree = kind.unflatten(metadata, values)
        if kind.holds_statics and kind.is_immutable:
            tree.__dict__[FLAT] = key, values
        return tree
    return kind.unflatten(metadata, [build(child, leaves) for child in children])


def build_remembering(key: NodeKey, leaves: Iterator[Any]) -> Any:
    """Does the work of `build` for leaves that are no arrays, such as names, shardings or `None`.

    An instance of a class tells its leaves from its static data by their values. If it gets leaves that are no arrays,
    it has to remember its key, or flattening it again would give another structure.
    """
    if key == LEAF:
        return next(leaves)
    kind, metadata, _ = key
    tree = kind.unflatten(metadata, [build_remembering(child, leaves) for child in child_keys(key)])
    if kind.holds_statics and hasattr(tree, "__dict__"):
        tree.__dict__[MEMO] = key
    return tree


def put_together(kind: NodeKind, metadata: Any, children: Sequence[Any], like: Any) -> Any:
    """Returns a container with new children, which still knows which of its fields are leaves if `like` knows that."""
    tree = kind.unflatten(metadata, children)
    if (memo := getattr(like, MEMO, None)) is not None:
        tree.__dict__[MEMO] = memo
    return tree


# --- compiled builders ------------------------------------------------------------------------------------------------

_MAXIMUM_DEPTH = 40  # CPython's parser gives up at about 90 nested brackets.
_MAXIMUM_SPREAD = 16  # Up to here, elements are written out one by one.


class _TooDeepError(Exception):
    """The structure is nested too deeply to be compiled."""


class _Scope(dict[str, Any]):
    """Names that generated code refers to."""

    def name(self, value: Any) -> str:
        """Returns a new name for a value."""
        name = f"c{len(self)}"
        self[name] = value
        return name

    def literal(self, value: Any) -> str:
        """Returns text for a value: a literal of its own if that is exact, and otherwise a name."""
        return repr(value) if type(value) in (str, int) else self.name(value)


def compile_builder(key: NodeKey) -> Callable[[list[Any]], Any] | None:
    """Returns a function from the list of leaves to the tree with the structure `key`, or `None` if it is too deep."""
    scope = _Scope()
    try:
        expression, _ = _write_builder(key, 0, scope, 0)
    except _TooDeepError:
        return None
    return eval(f"lambda x: {expression}", scope)


def _write_builder(key: NodeKey, position: int, scope: _Scope, depth: int) -> tuple[str, int]:
    """Returns an expression for a tree whose first leaf is `x[position]`, and the position after its last leaf."""
    if depth > _MAXIMUM_DEPTH:
        raise _TooDeepError
    if key == LEAF:
        return f"x[{position}]", position + 1
    kind, metadata, _ = key
    if kind is STATIC:
        return scope.name(metadata[1]), position
    if kind.type is type(None):
        return "None", position
    start, parts = position, list[str]()
    for child in child_keys(key):
        part, position = _write_builder(child, position, scope, depth + 1)
        parts.append(part)
    children = f"*x[{start}:{position}]" if type(key[2]) is int and len(parts) > _MAXIMUM_SPREAD else ", ".join(parts)
    if kind.type is list:
        return f"[{children}]", position
    if kind.type is tuple:
        return f"({children}{',' * bool(parts)})", position
    if kind.type is dict:
        pairs = [f"{scope.literal(name)}: {part}" for name, part in zip(metadata, parts, strict=True)]
        return f"{{{', '.join(pairs)}}}", position
    if kind.attributes is None:
        return f"{scope.name(kind.unflatten)}({scope.name(metadata)}, [{children}])", position
    parts += [scope.name(value) for value in (metadata[0] if metadata else ())]
    pairs = [f"{name!r}: {part}" for name, part in zip(kind.attributes, parts, strict=True)]
    if kind.is_immutable and is_immutable(key):
        pairs.append(f"{FLAT!r}: ({scope.name(key)}, tuple(x[{start}:{position}]))")
    return f"{scope.name(_make_instance)}({scope.name(kind.type)}, {{{', '.join(pairs)}}})", position


_allocate, _assign = object.__new__, object.__setattr__


def _make_instance(cls: type, attributes: dict[str, Any]) -> Any:
    instance = _allocate(cls)
    _assign(instance, "__dict__", attributes)
    return instance
