"""Sums of products in Einstein's notation."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ryft_core.errors import ShapeError
from ryft_core.numpy.creation import diagonal_of
from ryft_core.numpy.fusion import fused
from ryft_core.primitives import arithmetic, linear_algebra, manipulation, reductions
from ryft_core.primitives.operands import as_value, promote

if TYPE_CHECKING:
    from ryft_core.arrays import Array

__all__ = ["einsum", "einsum_path"]


def einsum(formula: str, /, *operands: Any, precision: str = "default", preferred_element_type: Any = None) -> Array:
    """Returns the sum of products that a formula such as `"ij,jk->ik"` describes.

    Each operand has one letter for each of its axes. Letters that are not behind the arrow are summed over; without an
    arrow, those that occur twice are. `...` stands for axes that are broadcast. Operands are multiplied two at a time,
    always the pair that costs least.

    Args:
        formula: Formula; one group of letters for each operand.
        operands: Arrays.
        precision: "default", "high" or "highest".
        preferred_element_type: Element type to add in and to return.

    Raises:
        ShapeError: If the formula does not fit the shapes.
    """
    values = [as_value(operand) for operand in operands]
    inputs, output = _parse(formula, [value.type.shape for value in values])
    return _einsum(tuple(values), inputs=inputs, output=output, precision=precision, preferred=preferred_element_type)


def einsum_path(formula: str, /, *operands: Any) -> list[tuple[int, int]]:
    """Returns the pairs of operands that `einsum` multiplies, in order; a product goes to the end of the list."""
    shapes = [as_value(operand).type.shape for operand in operands]
    inputs, output = _parse(formula, shapes)
    return _path(list(inputs), output, _lengths(inputs, shapes))


def _parse(formula: str, shapes: Sequence[tuple[int, ...]]) -> tuple[tuple[str, ...], str]:
    """Returns the letters of each operand and of the result; axes under `...` get letters of their own."""
    left, arrow, right = formula.replace(" ", "").partition("->")
    groups = left.split(",")
    if len(groups) != len(shapes):
        raise ShapeError(f"`einsum` expected {len(groups)} operands for the formula {formula!r}, but got {len(shapes)}")
    free = iter(letter for letter in _LETTERS if letter not in formula)
    extra = [len(shape) - len(group.replace("...", "")) for group, shape in zip(groups, shapes, strict=True)]
    width = max((count for group, count in zip(groups, extra, strict=True) if "..." in group), default=0)
    broadcast = "".join(itertools.islice(free, width))
    inputs: list[str] = []
    for number, (group, shape, count) in enumerate(zip(groups, shapes, extra, strict=True)):
        if count < 0 or (count > 0 and "..." not in group):
            raise ShapeError(f"`einsum` expected {group!r} to name the axes of operand {number}, of shape {shape}")
        inputs.append(group.replace("...", broadcast[width - count :]))
    if arrow:
        output = right.replace("...", broadcast)
    else:
        letters = "".join(inputs)
        once = sorted(x for x in set(letters) if letters.count(x) == 1 and x not in broadcast)
        output = broadcast + "".join(once)
    if not set(output) <= set("".join(inputs)) or len(set(output)) != len(output) or (not output.isalpha() and output):
        raise ShapeError(f"`einsum` expected distinct letters of the operands behind the arrow, but got {formula!r}")
    return tuple(inputs), output


# Latin letters, then Greek ones.
_LETTERS = [chr(first + number) for first, count in ((97, 26), (65, 26), (0x3B1, 25)) for number in range(count)]


def _lengths(inputs: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for letters, shape in zip(inputs, shapes, strict=True):
        for letter, size in zip(letters, shape, strict=True):
            known = lengths.setdefault(letter, size)
            if size != known and 1 not in (size, known):
                raise ShapeError(f"`einsum` expected all axes {letter!r} to be as long, but got {known} and {size}")
            lengths[letter] = size if known == 1 else known
    return lengths


def _path(inputs: list[str], output: str, lengths: dict[str, int]) -> list[tuple[int, int]]:
    """Returns the pairs to multiply: greedily the one with the smallest result compared to its operands."""
    path: list[tuple[int, int]] = []
    while len(inputs) > 1:
        best: tuple[float, float, tuple[int, int], str] | None = None
        for i, j in itertools.combinations(range(len(inputs)), 2):
            kept = _kept(inputs, i, j, output)
            size = math.prod(lengths[letter] for letter in kept)
            freed = sum(math.prod(lengths[letter] for letter in set(inputs[k])) for k in (i, j))
            work = math.prod(lengths[letter] for letter in {*inputs[i], *inputs[j]})
            candidate = (size - freed, work, (i, j), kept)
            if best is None or candidate[:2] < best[:2]:
                best = candidate
        assert best is not None
        (i, j), kept = best[2], best[3]
        path.append((i, j))
        inputs = [letters for number, letters in enumerate(inputs) if number not in (i, j)] + [kept]
    return path


def _kept(inputs: Sequence[str], i: int, j: int, output: str) -> str:
    needed = set(output).union(*(letters for number, letters in enumerate(inputs) if number not in (i, j)))
    return "".join(dict.fromkeys(letter for letter in inputs[i] + inputs[j] if letter in needed))


@fused
def _einsum(operands: Any, /, *, inputs: tuple[str, ...], output: str, precision: str, preferred: Any) -> Any:
    values = list(promote(*operands)) if len(operands) > 1 else list(operands)
    names = list(inputs)
    lengths = _lengths(names, [value.type.shape for value in values])
    path = _path(list(names), output, lengths)
    for number, letters in enumerate(names):
        others = set(output).union(*(other for index, other in enumerate(names) if index != number))
        values[number], names[number] = _simplified(values[number], letters, others)
    for i, j in path:
        kept = _kept(names, i, j, output)
        product, letters = _multiplied(values[i], names[i], values[j], names[j], kept, precision, preferred)
        values = [value for number, value in enumerate(values) if number not in (i, j)] + [product]
        names = [name for number, name in enumerate(names) if number not in (i, j)] + [letters]
    result, letters = values[0], names[0]
    missing = [letter for letter in letters if letter not in output]
    if missing:
        result = reductions.ReduceSum(tuple(letters.index(letter) for letter in missing)).bind(result)
        letters = "".join(letter for letter in letters if letter in output)
    return manipulation.transpose(result, [letters.index(letter) for letter in output])


def _simplified(value: Any, letters: str, needed: set[str]) -> tuple[Any, str]:
    """Returns an operand without repeated letters, whose diagonal is taken, and those that nothing else needs."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            rest = [axis for axis in range(len(letters)) if axis not in (first, second)]
            moved = manipulation.transpose(value, [*rest, first, second])
            if moved.type.shape[-1] != moved.type.shape[-2]:
                raise ShapeError(f"`einsum` expected axes {letter!r} of one length, but got {moved.type.shape[-2:]}")
            value = diagonal_of(moved, 0)
            letters = "".join(letters[axis] for axis in rest) + letter
    summed = tuple(axis for axis, letter in enumerate(letters) if letter not in needed)
    if summed:
        value = reductions.ReduceSum(summed).bind(value)
        letters = "".join(letter for letter in letters if letter in needed)
    return value, letters


def _multiplied(
    x: Any, x_letters: str, y: Any, y_letters: str, kept: str, precision: str, preferred: Any
) -> tuple[Any, str]:
    """Returns the product of two operands, summed over the letters that are not kept, and its letters."""
    # An axis of size 1 that is broadcast is dropped, and taken from the other operand.
    x, x_letters = _without_broadcast(x, x_letters, y, y_letters)
    y, y_letters = _without_broadcast(y, y_letters, x, x_letters)
    shared = [letter for letter in x_letters if letter in y_letters]
    batch = [letter for letter in shared if letter in kept]
    contracted = [letter for letter in shared if letter not in kept]
    x, x_letters = _simplified(x, x_letters, {*kept, *shared})
    y, y_letters = _simplified(y, y_letters, {*kept, *shared})

    def axes(letters: str, chosen: Sequence[str]) -> tuple[int, ...]:
        return tuple(letters.index(letter) for letter in chosen)

    if not contracted and preferred is None:
        letters = "".join(batch) + "".join(letter for letter in x_letters + y_letters if letter not in batch)
        return arithmetic.multiply(_spread(x, x_letters, letters), _spread(y, y_letters, letters)), letters
    product = linear_algebra.dot_general(
        x,
        y,
        (axes(x_letters, contracted), axes(y_letters, contracted)),
        (axes(x_letters, batch), axes(y_letters, batch)),
        precision=precision,
        preferred_dtype=preferred,
    )
    rest = [letter for letter in x_letters + y_letters if letter not in shared]
    return product, "".join([*batch, *rest])


def _without_broadcast(x: Any, x_letters: str, y: Any, y_letters: str) -> tuple[Any, str]:
    dropped = [
        axis
        for axis, letter in enumerate(x_letters)
        if x.type.shape[axis] == 1 and letter in y_letters and y.type.shape[y_letters.index(letter)] != 1
    ]
    if not dropped:
        return x, x_letters
    letters = "".join(letter for axis, letter in enumerate(x_letters) if axis not in dropped)
    return manipulation.squeeze(x, dropped), letters


def _spread(x: Any, letters: str, target: str) -> Any:
    """Returns `x` with its axes in the order of `target`, of size 1 where it has none."""
    present = [letter for letter in target if letter in letters]
    x = manipulation.transpose(x, [letters.index(letter) for letter in present])
    sizes = iter(x.type.shape)
    return manipulation.reshape(x, [next(sizes) if letter in letters else 1 for letter in target])
