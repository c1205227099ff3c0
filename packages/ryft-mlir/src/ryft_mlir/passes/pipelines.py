"""Passes by name, with options, and how they are put together to pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..types import Type

__all__ = [
    "KNOWN_PASSES",
    "Pass",
    "canonicalize",
    "chlo_legalize_to_stable_hlo",
    "cse",
    "inline",
    "nest",
    "print_operation_statistics",
    "refine_arguments",
    "refine_shapes",
    "sccp",
    "shardy_propagation",
    "strip_debug_information",
    "symbol_dce",
]


class Pass:
    """A pass, or a pipeline of passes, with options.

    Args:
        name: Name, for example `"canonicalize"`.
        **options: Options by name, with underscores for hyphens. Booleans, numbers, strings and sequences are printed
            as MLIR wants them; `None` leaves an option at its default.

    Example:
        >>> str(Pass("canonicalize", max_iterations=3, top_down=False))
        'canonicalize{max-iterations=3 top-down=false}'
    """

    __slots__ = ("name", "options")

    def __init__(self, name: str, **options: Any) -> None:
        self.name = name
        self.options = {key.replace("_", "-"): value for key, value in options.items() if value is not None}

    def __str__(self) -> str:
        if not self.options:
            return self.name
        return f"{self.name}{{{' '.join(f'{key}={_option(value)}' for key, value in self.options.items())}}}"

    def __repr__(self) -> str:
        return f"Pass[{self}]"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pass):
            return NotImplemented
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def nest(operation_name: str, *passes: Pass | str) -> Pass:
    """Returns a pipeline that runs `passes` on every operation called `operation_name`, for example `"func.func"`."""
    return Pass(f"{operation_name}({','.join(str(item) for item in passes)})")


def canonicalize(
    *, max_iterations: int | None = None, max_num_rewrites: int | None = None, top_down: bool | None = None
) -> Pass:
    """Simplifies operations by the patterns that their dialects hold, and folds constants."""
    return Pass("canonicalize", max_iterations=max_iterations, max_num_rewrites=max_num_rewrites, top_down=top_down)


def cse() -> Pass:
    """Merges operations that compute the same value."""
    return Pass("cse")


def inline(*, max_iterations: int | None = None, inlining_threshold: int | None = None) -> Pass:
    """Replaces calls by what they call, where the dialect of the call knows how.

    The bindings hold no inliner for `func`, so `func.call` stays.
    """
    return Pass("inline", max_iterations=max_iterations, inlining_threshold=inlining_threshold)


def symbol_dce() -> Pass:
    """Removes private symbols that nothing refers to."""
    return Pass("symbol-dce")


def sccp() -> Pass:
    """Propagates constants through branches."""
    return Pass("sccp")


def strip_debug_information() -> Pass:
    """Replaces all locations by the unknown one."""
    return Pass("strip-debuginfo")


def print_operation_statistics(*, json: bool | None = None) -> Pass:
    """Prints how many operations of each kind there are to the standard error stream."""
    return Pass("print-op-stats", json=json)


def chlo_legalize_to_stable_hlo() -> Pass:
    """Replaces operations of `chlo` by StableHLO ones, in every function."""
    return nest("func.func", Pass("chlo-legalize-to-stablehlo"))


def refine_arguments(types: Sequence[Type]) -> Pass:
    """Gives the arguments of the function `main` new types, with sizes that were dynamic."""
    return Pass("stablehlo-refine-arguments", types=f"{{{','.join(str(item) for item in types)}}}")


def refine_shapes() -> Pass:
    """Makes dynamic sizes static where the types of arguments and constants imply them, from `main` on."""
    return Pass("stablehlo-refine-shapes")


def shardy_propagation() -> Pass:
    """Propagates the shardings of Shardy from what is annotated to everything else."""
    return Pass("sdy-propagation-pipeline")


def _option(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_option(item) for item in value)
    return str(value)


_MODULE_PASSES = """bubble-down-memory-space-casts canonicalize composite-fixed-point-pass control-flow-sink cse
    generate-runtime-verification inline loop-invariant-code-motion loop-invariant-subset-hoisting mem2reg
    print-ir print-op-stats remove-dead-values sccp snapshot-op-locations sroa strip-debuginfo symbol-dce
    symbol-privatize topological-sort view-op-graph stablehlo-compatibility-expander
    stablehlo-convert-to-signless stablehlo-legalize-to-linalg stablehlo-legalize-to-vhlo
    stablehlo-refine-arguments stablehlo-refine-shapes stablehlo-wrap-in-composite
    vhlo-legalize-to-stablehlo vhlo-to-version hlo-legalize-to-stablehlo stablehlo-legalize-to-hlo
    sdy-aggressive-propagate sdy-apply-sharding-constraints sdy-basic-propagate sdy-close-shardings
    sdy-export-pipeline sdy-import-pipeline sdy-inline-meshes sdy-lift-inlined-meshes
    sdy-manual-axes-cleanup sdy-op-priority-propagate sdy-propagation-pipeline
    sdy-remove-propagation-debug-info sdy-remove-sharding-groups sdy-sharding-group-import
    sdy-update-non-divisible-input-output-shardings sdy-user-priority-propagate"""
_FUNCTION_PASSES = """chlo-legalize-to-stablehlo shape-legalize-to-stablehlo stablehlo-canonicalize-dynamism
    stablehlo-check-shape-assertions stablehlo-complex-math-expander stablehlo-legalize-composite-to-call
    stablehlo-legalize-deprecated-ops stablehlo-legalize-qdq-to-quantized-op
    stablehlo-legalize-quant-to-math stablehlo-legalize-quantized-op-to-qdq chlo-legalize-to-hlo
    mhlo-collapse-elementwise-map mhlo-flatten-tuple mhlo-sink-constants-to-control-flow
    sdy-add-data-flow-edges sdy-constant-or-scalar-splitter sdy-insert-explicit-reshards
    sdy-populate-op-sharding-rules sdy-remove-all-gather-reduce-scatter-for-cmv1 sdy-reshard-to-collectives
    sdy-sharding-constraint-to-reshard sdy-sink-data-flow-edges sdy-drop-sharding-rules"""

KNOWN_PASSES: dict[str, str] = {
    **dict.fromkeys(_MODULE_PASSES.split(), "builtin.module"),
    **dict.fromkeys(_FUNCTION_PASSES.split(), "func.func"),
}
"""Passes and pipelines that are registered, each with the operation it runs on. There may be others."""
