"""Affine expressions, maps and integer sets: linear functions of dimensions and symbols, division and remainder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ryft_xla_sys.mlir import ir

from ._arguments import array, check_kind, number, numbers, own

if TYPE_CHECKING:
    from .context import Context

__all__ = ["AffineExpression", "AffineMap", "IntegerSet"]


class AffineExpression:
    """A function of dimensions `d0`, `d1`, ... and symbols `s0`, `s1`, ..., built with `+`, `-`, `*`, `//` and `%`."""

    __slots__ = ("_context", "_raw")

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw

    @classmethod
    def dimension(cls, context: Context, position: int) -> AffineExpression:
        """Returns the dimension number `position`."""
        return cls(context, ir.AffineExpr.get_dim(_natural(position), context._raw))

    @classmethod
    def symbol(cls, context: Context, position: int) -> AffineExpression:
        """Returns the symbol number `position`."""
        return cls(context, ir.AffineExpr.get_symbol(_natural(position), context._raw))

    @classmethod
    def constant(cls, context: Context, value: int) -> AffineExpression:
        """Returns a constant."""
        return cls(context, ir.AffineExpr.get_constant(number(value, "an affine expression"), context._raw))

    def __add__(self, other: AffineLike) -> AffineExpression:
        return AffineExpression(self._context, ir.AffineExpr.get_add(self._raw, self._operand(other)))

    def __sub__(self, other: AffineLike) -> AffineExpression:
        return self + self._wrap(other) * -1

    def __mul__(self, other: AffineLike) -> AffineExpression:
        return AffineExpression(self._context, ir.AffineExpr.get_mul(self._raw, self._operand(other)))

    def __floordiv__(self, other: AffineLike) -> AffineExpression:
        return AffineExpression(self._context, ir.AffineExpr.get_floor_div(self._raw, self._divisor(other)))

    def __mod__(self, other: AffineLike) -> AffineExpression:
        return AffineExpression(self._context, ir.AffineExpr.get_mod(self._raw, self._divisor(other)))

    def ceil_divide(self, other: AffineLike) -> AffineExpression:
        """Returns the quotient, rounded up."""
        return AffineExpression(self._context, ir.AffineExpr.get_ceil_div(self._raw, self._divisor(other)))

    def __radd__(self, other: int) -> AffineExpression:
        return self + other

    def __rsub__(self, other: int) -> AffineExpression:
        return self * -1 + other

    def __rmul__(self, other: int) -> AffineExpression:
        return self * other

    def compose(self, inner: AffineMap) -> AffineExpression:
        """Returns this expression of the results of `inner`."""
        raw = own(self._context, inner, AffineMap, "affine map")._raw
        return AffineExpression(self._context, self._raw.compose(raw))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineExpression):
            return NotImplemented
        return self._context is other._context and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"AffineExpression[{self._raw}]"

    def _wrap(self, other: AffineLike) -> AffineExpression:
        if isinstance(other, int):
            return AffineExpression.constant(self._context, other)
        return own(self._context, other, AffineExpression, "affine expression")

    def _operand(self, other: AffineLike) -> Any:
        return self._wrap(other)._raw

    def _divisor(self, other: AffineLike) -> Any:
        divisor = self._wrap(other)
        if divisor == AffineExpression.constant(self._context, 0):
            raise ZeroDivisionError(f"cannot divide `{self._raw}` by zero")
        return divisor._raw


AffineLike: TypeAlias = AffineExpression | int
"""An affine expression, or an integer that stands for a constant one."""


class AffineMap:
    """A function from dimensions and symbols to a list of affine expressions."""

    __slots__ = ("_context", "_raw")

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw

    @classmethod
    def create(cls, context: Context, dimensions: int, symbols: int, results: Sequence[AffineExpression]) -> AffineMap:
        """Returns the map of `dimensions` dimensions and `symbols` symbols to `results`."""
        raw_results = _raw_results(context, dimensions, symbols, results)
        return cls(context, ir.AffineMap.get(dimensions, symbols, raw_results, context._raw))

    @classmethod
    def identity(cls, context: Context, dimensions: int) -> AffineMap:
        """Returns the map of each dimension to itself."""
        return cls(context, ir.AffineMap.get_identity(_natural(dimensions), context._raw))

    @classmethod
    def permutation(cls, context: Context, order: Sequence[int]) -> AffineMap:
        """Returns the map whose result `i` is the dimension `order[i]`."""
        places = numbers(order, "a permutation")
        if sorted(places) != list(range(len(places))) or not places:
            raise ValueError(f"expected a permutation, but got {places}")
        return cls(context, ir.AffineMap.get_permutation(places, context._raw))

    @property
    def dimension_count(self) -> int:
        """Number of dimensions."""
        return self._raw.n_dims

    @property
    def symbol_count(self) -> int:
        """Number of symbols."""
        return self._raw.n_symbols

    @property
    def results(self) -> tuple[AffineExpression, ...]:
        """The expressions."""
        return tuple(AffineExpression(self._context, raw) for raw in self._raw.results)

    @property
    def is_permutation(self) -> bool:
        """Whether the map permutes the dimensions."""
        return self._raw.is_permutation

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineMap):
            return NotImplemented
        return self._context is other._context and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"AffineMap[{self._raw}]"


class IntegerSet:
    """The points whose dimensions and symbols satisfy equations and inequalities."""

    __slots__ = ("_context", "_raw")

    def __init__(self, context: Context, raw: Any) -> None:
        self._context = context
        self._raw = raw

    @classmethod
    def create(
        cls,
        context: Context,
        dimensions: int,
        symbols: int,
        constraints: Sequence[tuple[AffineExpression, bool]],
    ) -> IntegerSet:
        """Returns the set where each expression is zero, if its flag is true, or else at least zero."""
        if not constraints:
            raise ValueError("an integer set expected at least one constraint, but got none")
        pairs = array(constraints, "an integer set", "constraints")
        for pair in pairs:
            check_kind(pair, tuple, "an integer set", "pairs of an expression and a flag")
        raw = _raw_results(context, dimensions, symbols, [expression for expression, _ in pairs])
        flags = [bool(is_equation) for _, is_equation in pairs]
        return cls(context, ir.IntegerSet.get(dimensions, symbols, raw, flags, context._raw))

    @property
    def constraints(self) -> tuple[tuple[AffineExpression, bool], ...]:
        """The expressions, each with whether it must be zero and not just at least zero."""
        return tuple((AffineExpression(self._context, item.expr), item.is_eq) for item in self._raw.constraints)

    @property
    def dimension_count(self) -> int:
        """Number of dimensions."""
        return self._raw.n_dims

    @property
    def symbol_count(self) -> int:
        """Number of symbols."""
        return self._raw.n_symbols

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntegerSet):
            return NotImplemented
        return self._context is other._context and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"IntegerSet[{self._raw}]"


def _natural(value: int) -> int:
    return number(value, "an affine expression", 0, _MOST_INPUTS)


def _raw_results(context: Context, dimensions: int, symbols: int, results: Sequence[AffineExpression]) -> list[Any]:
    """Returns the bindings' objects of expressions of so many dimensions and symbols."""
    _natural(dimensions)
    _natural(symbols)
    raw = [own(context, item, AffineExpression, "affine expression")._raw for item in array(results, "MLIR", "results")]
    for item in raw:
        for letter, position in _INPUT.findall(str(item)):
            if int(position) >= (dimensions if letter == "d" else symbols):
                raise ValueError(f"expected {dimensions} dimensions and {symbols} symbols, but got `{item}`")
    return raw


_MOST_INPUTS = 10_000
_INPUT = re.compile(r"([ds])(\d+)")
