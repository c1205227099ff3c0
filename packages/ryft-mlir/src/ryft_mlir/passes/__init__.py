"""Passes: programs that check, improve or translate programs."""

from .managers import PassManager, PassPrinting, run_passes
from .pipelines import (
    KNOWN_PASSES,
    Pass,
    canonicalize,
    chlo_legalize_to_stable_hlo,
    cse,
    inline,
    nest,
    print_operation_statistics,
    refine_arguments,
    refine_shapes,
    sccp,
    shardy_propagation,
    strip_debug_information,
    symbol_dce,
)
from .rewriting import Pattern, Rewriter, apply_patterns

__all__ = [
    "KNOWN_PASSES",
    "Pass",
    "PassManager",
    "PassPrinting",
    "Pattern",
    "Rewriter",
    "apply_patterns",
    "canonicalize",
    "chlo_legalize_to_stable_hlo",
    "cse",
    "inline",
    "nest",
    "print_operation_statistics",
    "refine_arguments",
    "refine_shapes",
    "run_passes",
    "sccp",
    "shardy_propagation",
    "strip_debug_information",
    "symbol_dce",
]
