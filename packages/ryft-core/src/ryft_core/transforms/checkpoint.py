"""`checkpoint`: functions whose intermediate values are computed again in the reverse derivative, rather than kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from ryft_core import trees
from ryft_core.errors import ArgumentTypeError, hinted
from ryft_core.primitives.checkpointing import Checkpoint, Policy
from ryft_core.tracebacks import boundary
from ryft_core.tracing.evaluation import EvalTrace
from ryft_core.tracing.tracers import trace_program
from ryft_core.tracing.traces import STATE
from ryft_core.transforms.functions import (
    FlatFunction,
    argument_leaves,
    check_function,
    described,
    function_name,
    positions,
)
from ryft_core.transforms.scopes import immediate

__all__ = ["checkpoint", "remat"]

P = ParamSpec("P")
R = TypeVar("R")


def checkpoint(
    function: Callable[P, R],
    *,
    prevent_cse: bool = True,
    policy: Policy | None = None,
    static_argnums: int | Sequence[int] = (),
) -> Callable[P, R]:
    """Returns `function`, of which a reverse derivative keeps the arguments, and computes the rest again.

    That takes less memory and more time. What else to keep can be chosen by a policy, of which
    `ryft.checkpoint_policies` has several.

    Example:
        >>> from ryft_core.primitives.exponential import sin
        >>> from ryft_core.transforms.gradients import grad
        >>> block = checkpoint(lambda x: sin(sin(x)))
        >>> round(float(grad(block)(1.0)), 4)
        0.36

    Args:
        function: Function of arrays and structures of arrays.
        prevent_cse: Whether the compiler is kept from merging the second computation with the first, which would undo
            the saving. Inside `scan` this is not needed.
        policy: Tells, from a primitive and the types of its operands, whether to keep the results; `None` keeps none.
        static_argnums: Positions of arguments that are not arrays.

    Raises:
        ArgumentTypeError: If `function` or `policy` is no function, or a position no integer.
    """
    check_function("checkpoint", function)
    numbers = positions(static_argnums, "static_argnums")
    if policy is not None and not callable(policy):
        raise hinted(
            ArgumentTypeError(f"`checkpoint` expected a policy, but got {described(policy)}: {policy!r:.80}"),
            "choose one of `ryft.checkpoint_policies`, for example `dots_saveable`",
        )

    @boundary("checkpoint", function)
    def checkpointed(*args: P.args, **kwargs: P.kwargs) -> R:
        if isinstance(STATE.trace, EvalTrace) or immediate():
            return function(*args, **kwargs)
        static = {number % len(args): args[number] for number in numbers if -len(args) <= number < len(args)}
        moving = tuple(value for number, value in enumerate(args) if number not in static)

        def partially(*arrays: Any, **named: Any) -> Any:
            arguments = list(arrays)
            for number in sorted(static):
                arguments.insert(number, static[number])
            return function(*arguments, **named)  # pyright: ignore[reportCallIssue]

        leaves, structure = trees.flatten_arguments(moving, kwargs)
        values = argument_leaves(leaves, structure, function)
        flat = FlatFunction(partially, structure)
        program, captured = trace_program(flat, [value.type for value in values], function_name(function))
        results = Checkpoint(program, policy, prevent_cse).bind(*captured, *values)
        return flat.structure.unflatten(results)

    return checkpointed


remat = checkpoint
