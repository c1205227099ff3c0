"""Rewriting patterns written in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import ir, rewrite

from .._arguments import array, check_kind, number, text
from .._ownership import addresses, record_erased
from ..blocks import Block
from ..errors import OwnershipError, PassError
from ..modules import Module
from ..operations import Operation, wrap_operation
from ..values import Value, check_same_tree
from .managers import inside, operation_of

if TYPE_CHECKING:
    from ..context import Context

__all__ = ["Pattern", "Rewriter", "apply_patterns"]

_LARGEST_BENEFIT = (1 << 16) - 2
_MOST_ITERATIONS = (1 << 31) - 1


class Rewriter:
    """Changes a program on behalf of a pattern. Valid only while the pattern runs."""

    __slots__ = ("_operation", "_raw", "_root")

    def __init__(self, root: Operation, operation: Operation, raw: Any) -> None:
        self._root = root
        self._operation = operation
        self._raw = raw

    def build(self, builder: Callable[[Block], Value | Sequence[Value] | Operation]) -> tuple[Value, ...]:
        """Builds operations just before the one that matched.

        Args:
            builder: `builder(block)` appends operations to `block` and returns the values to go on with.

        Returns:
            The values that `builder` returned.
        """
        block = self._operation.block
        if block is None:
            raise OwnershipError("the operation that matched is not in a block")
        count = len(block)
        if not callable(builder):
            raise TypeError(f"`build` expected a function, but got {builder!r}")
        built = builder(block)
        for operation in block.operations[count:]:
            operation.move_before(self._operation)
        if isinstance(built, Operation):
            return built.results
        return (built,) if isinstance(built, Value) else tuple(array(built, "`build`", "values"))

    def replace(self, values: Value | Sequence[Value]) -> None:
        """Replaces the results of the operation that matched by `values`, and erases it."""
        replacements = (values,) if isinstance(values, Value) else array(values, "`replace`", "values")
        operation = self._operation
        raw = operation.to_bindings()
        if len(replacements) != len(raw.results):
            raise OwnershipError(
                f"`{raw.name}` has {len(raw.results)} results, but got {len(replacements)} replacements"
            )
        for value in replacements:
            check_same_tree(operation._context, operation._owner, value)
        gone = addresses(raw)
        self._raw.replace_op(raw, [value._raw for value in replacements])
        record_erased(operation._context, gone)

    def erase(self) -> None:
        """Erases the operation that matched.

        Raises:
            OwnershipError: If its results are still used.
        """
        operation = self._operation
        raw = operation.to_bindings()
        if any(next(iter(result.uses), None) is not None for result in raw.results):
            raise OwnershipError(f"`{raw.name}` still has users, so it cannot be erased")
        gone = addresses(raw)
        self._raw.erase_op(raw)
        record_erased(operation._context, gone)


@dataclass(frozen=True)
class Pattern:
    """A rule that rewrites operations of one kind.

    Attributes:
        root: Name of the operations that the rule looks at, for example `"stablehlo.add"`.
        function: `function(operation, rewriter)` changes the program through `rewriter` and returns `True`, or returns
            `False` if the rule does not apply.
        benefit: Rules with a higher benefit are tried first.
    """

    root: str
    function: Callable[[Operation, Rewriter], bool]
    benefit: int = 1


def apply_patterns(
    target: Module | Operation, patterns: Sequence[Pattern], *, max_iterations: int | None = None, fold: bool = True
) -> None:
    """Applies patterns again and again until none matches, in place.

    Wrappers of operations, blocks and values inside the target are stale afterwards: look them up again.

    Args:
        target: Module or operation to rewrite.
        patterns: Patterns written in Python.
        max_iterations: How often to go over the program at most.
        fold: Whether to fold constants on the way.

    Raises:
        PassError: If the patterns still match after the last iteration.
    """
    operation = operation_of(target)
    context = operation.context
    raw = operation.to_bindings()
    owner = operation._owner.resolve()
    if owner.borrowers or owner.building:
        raise OwnershipError("cannot rewrite a program while a detached operation uses its values")
    if context._has_jumps:
        operation.verify()
    failures: list[BaseException] = []
    pattern_set = rewrite.RewritePatternSet(context._raw)
    for pattern in array(patterns, "MLIR", "patterns"):
        check_kind(pattern, Pattern, "MLIR", "a pattern")
        if not callable(pattern.function):
            raise TypeError(f"a pattern expected a function, but got {pattern.function!r}")
        benefit = number(pattern.benefit, "the benefit of a pattern", 0, _LARGEST_BENEFIT)
        pattern_set.add(text(pattern.root, "a pattern"), _callback(context, operation, pattern, failures), benefit)
    config = rewrite.GreedyRewriteConfig()
    config.enable_folding = bool(fold)
    if max_iterations is not None:
        config.max_iterations = number(max_iterations, "`max_iterations`", 1, _MOST_ITERATIONS)
    gone = inside(operation)
    try:
        rewrite.apply_patterns_and_fold_greedily(raw, pattern_set.freeze(), config)
    except (ir.MLIRError, RuntimeError, ValueError) as error:
        if not failures:
            raise PassError(f"the patterns did not converge: {error}") from None
    finally:
        record_erased(context, gone)
    if failures:
        raise failures[0]


def _callback(
    context: Context, root: Operation, pattern: Pattern, failures: list[BaseException]
) -> Callable[[Any, Any], bool]:
    def match_and_rewrite(raw: Any, raw_rewriter: Any) -> bool:
        # The bindings read `True` as: the pattern did not match. Exceptions would cross C++ frames, so they wait.
        if failures:
            return True
        operation = wrap_operation(context, root._owner, raw)
        try:
            return not pattern.function(operation, Rewriter(root, operation, raw_rewriter))
        except BaseException as error:
            failures.append(error)
            return True

    return match_and_rewrite
