"""Policies of `checkpoint`: which intermediate values a reverse derivative keeps rather than computes again.

A policy is a function of a primitive and the types of its operands that tells whether to keep the results. It should be
hashable, and equal to another that does the same, because compiled programs are looked up by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ryft_core.primitives.barriers import CheckpointName
from ryft_core.primitives.linear_algebra import DotGeneral

__all__ = [
    "checkpoint_dots",
    "checkpoint_dots_with_no_batch_dims",
    "dots_saveable",
    "dots_with_no_batch_dims_saveable",
    "everything_saveable",
    "nothing_saveable",
    "save_any_names_but_these",
    "save_anything_except_these_names",
    "save_from_both_policies",
    "save_only_these_names",
]


def everything_saveable(primitive: Any, *types: Any) -> bool:
    """Keeps everything, as if there were no checkpoint."""
    return True


def nothing_saveable(primitive: Any, *types: Any) -> bool:
    """Keeps nothing but the arguments. The default."""
    return False


def dots_saveable(primitive: Any, *types: Any) -> bool:
    """Keeps the results of matrix products."""
    return isinstance(primitive, DotGeneral)


def dots_with_no_batch_dims_saveable(primitive: Any, *types: Any) -> bool:
    """Keeps the results of matrix products without batch axes, such as those of activations with weights."""
    return isinstance(primitive, DotGeneral) and not primitive.left_batch and not primitive.right_batch


checkpoint_dots = dots_saveable
checkpoint_dots_with_no_batch_dims = dots_with_no_batch_dims_saveable


@dataclass(frozen=True)
class NamesPolicy:
    """Keeps values that `checkpoint_name` gave a name.

    Attributes:
        names: The names.
        only: Whether the named values are the ones to keep, rather than those not to keep.
        unnamed: Whether values without a name are kept.
    """

    names: frozenset[str]
    only: bool
    unnamed: bool = False

    @property
    def excluded_names(self) -> frozenset[str]:
        """Names of values that are not kept even where what they are made from is."""
        return self.names if self.unnamed else frozenset()

    def __call__(self, primitive: Any, *types: Any) -> bool:
        if isinstance(primitive, CheckpointName):
            return (primitive.label in self.names) is self.only
        return self.unnamed


def save_only_these_names(*names: str) -> NamesPolicy:
    """Returns the policy that keeps the values that `checkpoint_name` gave one of the names."""
    return NamesPolicy(frozenset(names), only=True)


def save_any_names_but_these(*names: str) -> NamesPolicy:
    """Returns the policy that keeps values that `checkpoint_name` gave another name than these."""
    return NamesPolicy(frozenset(names), only=False)


def save_anything_except_these_names(*names: str) -> NamesPolicy:
    """Returns the policy that keeps all values but those that `checkpoint_name` gave one of the names."""
    return NamesPolicy(frozenset(names), only=False, unnamed=True)


@dataclass(frozen=True)
class BothPolicies:
    """Keeps what either of two policies keeps."""

    first: Callable[..., bool]
    second: Callable[..., bool]

    def __call__(self, primitive: Any, *types: Any) -> bool:
        return self.first(primitive, *types) or self.second(primitive, *types)


def save_from_both_policies(first: Callable[..., bool], second: Callable[..., bool]) -> BothPolicies:
    """Returns the policy that keeps what either of two policies keeps."""
    return BothPolicies(first, second)
