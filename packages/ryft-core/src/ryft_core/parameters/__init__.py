"""Parameters: classes as structures of parameters, and what one does with all parameters of a model at once."""

from ryft_core.parameters.classes import FrozenParametersError, ParameterizedClassError, parameterized
from ryft_core.parameters.fields import parameter, static
from ryft_core.parameters.naming import MissingLeavesError, UnusedLeavesError, from_named_leaves, named_leaves
from ryft_core.parameters.selections import (
    AmbiguousCombinationError,
    combine,
    filter,  # noqa: A004
    get,
    partition,
    replace,
)
from ryft_core.parameters.summaries import format_leaf, format_tree, parameter_bytes, parameter_count, summarize

__all__ = [
    "AmbiguousCombinationError",
    "FrozenParametersError",
    "MissingLeavesError",
    "ParameterizedClassError",
    "UnusedLeavesError",
    "combine",
    "filter",
    "format_leaf",
    "format_tree",
    "from_named_leaves",
    "get",
    "named_leaves",
    "parameter",
    "parameter_bytes",
    "parameter_count",
    "parameterized",
    "partition",
    "replace",
    "static",
    "summarize",
]
