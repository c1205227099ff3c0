"""Functions whose derivatives and other rules the user gives: `custom_jvp`, `custom_vjp`, `custom_rules`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, update_wrapper
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar

import numpy

from ryft_core import trees
from ryft_core.errors import (
    ArgumentError,
    ArgumentTypeError,
    BatchingError,
    DifferentiationError,
    OperandError,
    StructureError,
    hinted,
)
from ryft_core.primitives import arithmetic, conversions
from ryft_core.primitives.callbacks import pure_callback
from ryft_core.primitives.custom_rules import BackwardRule, CustomFunction, CustomLinear, Rules
from ryft_core.primitives.manipulation import moveaxis, zeros_of
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Zero
from ryft_core.programs.atoms import Value
from ryft_core.tracebacks import boundary
from ryft_core.tracing.tracers import ProgramTrace, trace_program
from ryft_core.tracing.traces import STATE
from ryft_core.transforms.functions import (
    argument_leaves,
    as_result,
    check_function,
    described,
    function_name,
    positions,
)
from ryft_core.transforms.jvp import run_jvp
from ryft_core.transforms.linearize import PartialTrace
from ryft_core.types.array_types import FLOAT0, ArrayType

__all__ = ["FunctionWithRules", "custom_jvp", "custom_rules", "custom_vjp"]

P = ParamSpec("P")
R = TypeVar("R")


class FunctionWithRules(Generic[P, R]):
    """Function with rules of its own. A rule that is not given is derived from the function or from the other rules.

    Each method that defines a rule returns the rule, and so can decorate it.
    """

    def __init__(
        self,
        function: Callable[P, R],
        nondiff_argnums: int | Sequence[int] = (),
        nondiff_argnames: str | Sequence[str] = (),
    ) -> None:
        self.function = function
        numbers = {*positions(nondiff_argnums, "nondiff_argnums"), *self._positions_of(nondiff_argnames)}
        self.nondiff_argnums = tuple(sorted(numbers))
        self.jvp_rule: Callable[..., Any] | None = None
        self.forward_rule: Callable[..., Any] | None = None
        self.backward_rule: Callable[..., Any] | None = None
        self.batch_rule: Callable[..., Any] | None = None
        self.lowerings: dict[str | None, Callable[..., Any]] = {}
        self.fallback: Callable[..., Any] | None = None
        update_wrapper(self, function, updated=())

    def _positions_of(self, names: str | Sequence[str]) -> list[int]:
        given = (names,) if isinstance(names, str) else tuple(names)
        known = list(self._signature.parameters) if given and self._signature is not None else []
        for name in given:
            if name not in known:
                raise hinted(
                    ArgumentError(
                        f"`nondiff_argnames` of `{function_name(self.function)}` expected names of its parameters, "
                        f"but got {name!r}"
                    ),
                    f"its parameters are {', '.join(known) or 'not known'}",
                )
        return [known.index(name) for name in given]

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Defines the forward derivative: `rule(*nondiff, primals, tangents)` returns the results and their tangents.

        `rule` must be linear in the tangents. The reverse derivative is its transpose.
        """
        self.jvp_rule = _rule("defjvp", rule)
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Defines the forward derivative argument by argument.

        Args:
            rules: For each argument a function `rule(tangent, result, *primals)` that returns what the tangent of this
                argument adds to the tangent of the result; `None` for an argument without derivative.
        """
        if self.nondiff_argnums:
            raise ArgumentTypeError("`defjvps` cannot be used with `nondiff_argnums`; use `defjvp`")

        def rule(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
            result = self(*primals)  # pyright: ignore[reportCallIssue]
            parts = [each(t, result, *primals) for each, t in zip(rules, tangents, strict=True) if each is not None]
            if not parts:
                return result, trees.map(lambda leaf: zeros_of(as_value(leaf).type), result)
            total = parts[0]
            for part in parts[1:]:
                total = trees.map(arithmetic.add, total, part)
            return result, total

        self.jvp_rule = rule

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Defines the reverse derivative, of which the forward derivative, if it is needed, is the transpose.

        Args:
            forward: Function of all arguments that returns the results, and residuals for `backward`.
            backward: `backward(*nondiff, residuals, cotangents)` returns a tuple with the cotangent of each argument;
                `None` for one that is zero. It must be linear in the cotangents.
        """
        self.forward_rule, self.backward_rule = _rule("defvjp", forward), _rule("defvjp", backward)

    def defvmap(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Defines what `vmap` does: `rule(*nondiff, size, mapped, *arguments)` returns results and whether mapped.

        `mapped` is a list with a structure of booleans for each argument; mapped arrays have the mapped axis first.
        The second result has the structure of the results, or is one boolean for all of them.
        """
        self.batch_rule = _rule("defvmap", rule)
        return rule

    def deflowering(self, rule: Callable[..., Any], platform: str | None = None) -> Callable[..., Any]:
        """Defines what is compiled for a platform, such as "cpu" or "cuda", or all that have no rule, if `None`.

        `rule(builder, *values)` appends StableHLO through the builder of a primitive's lowering rule, and returns the
        results. The function itself still gives the types, and derivatives that have no rule.
        """
        self.lowerings[platform] = _rule("deflowering", rule)
        return rule

    @boundary()
    def deffallback(self, fallback: Callable[..., Any]) -> Callable[..., Any]:
        """Defines what is run where there is no lowering: a Python function of the arguments as NumPy arrays.

        It is called back from the compiled program. The function itself then only gives the types of the results, and
        derivatives that have no rule.
        """
        self.fallback = _rule("deffallback", fallback)
        return fallback

    def __get__(self, instance: Any, owner: Any = None, /) -> Any:
        """Makes a function with rules in a class a method; `nondiff_argnums=0` hands `self` to the rules."""
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        arguments = self._positional(args, kwargs)
        count = len(arguments)
        numbers = {number % count for number in self.nondiff_argnums if -count <= number < count}
        nondiff = tuple(arguments[number] for number in sorted(numbers))
        moving = tuple(value for number, value in enumerate(arguments) if number not in numbers)
        leaves, structure = trees.flatten_arguments(moving, {})
        operands = argument_leaves(leaves, structure, self.function)
        rules = UserRules(self, structure, tuple(map(_Static, nondiff)), tuple(sorted(numbers)))
        if self.lowerings or _is_recording():
            program, captured = trace_program(rules.call, [value.type for value in operands], rules.label)
            results = CustomFunction(rules, program, len(captured)).bind(*captured, *operands)
        else:
            results = CustomFunction(rules).bind(*operands)
        return rules.results[-1].unflatten(results)

    def _positional(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """Returns all arguments by position, as the rules take them."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except (ValueError, AttributeError):  # The function has no signature that Python knows.
            return args
        bound.apply_defaults()
        if bound.kwargs:
            raise hinted(
                OperandError(
                    f"`{function_name(self.function)}` has rules of its own, and cannot take the keyword argument(s) "
                    + ", ".join(f"`{name}`" for name in bound.kwargs)
                ),
                "make them positional",
            )
        return bound.args

    @cached_property
    def _signature(self) -> Any:
        try:
            return inspect.signature(self.function)
        except ValueError:
            return None


def _rule(name: str, rule: Any) -> Any:
    """Returns a rule, which must be a function."""
    if not callable(rule):
        raise ArgumentTypeError(f"`{name}` expected a function for the rule, but got {described(rule)}: {rule!r:.80}")
    return rule


def _is_recording() -> bool:
    """Returns whether a program is being traced, so that values are not concrete."""
    trace: Any = STATE.trace
    while trace is not None:
        if isinstance(trace, ProgramTrace) and not isinstance(trace, PartialTrace):
            return True
        trace = getattr(trace, "parent", None)
    return False


class _Static:
    """Argument that is not differentiated; compared by value if it can be, otherwise by identity."""

    __slots__ = ("_hash", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        try:
            self._hash: int | None = hash(value)
        except TypeError:
            self._hash = None

    def __hash__(self) -> int:
        return id(self.value) if self._hash is None else self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Static):
            return False
        if self._hash is None or other._hash is None:
            return self.value is other.value
        return type(self.value) is type(other.value) and bool(self.value == other.value)


@dataclass(frozen=True)
class UserRules(Rules):
    """Rules of a function of the user, for arguments of one structure.

    Attributes:
        owner: The function.
        arguments: Structure of the arguments that are differentiated.
        nondiff: Arguments that are not.
        numbers: Their positions.
        results: The structure of the results, once the function or a rule has run.
    """

    owner: FunctionWithRules[Any, Any]
    arguments: trees.Structure
    nondiff: tuple[_Static, ...]
    numbers: tuple[int, ...]
    results: list[trees.Structure] = field(default_factory=list[trees.Structure], compare=False)

    @property
    def label(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return function_name(self.owner.function)

    @property
    def lowerings(self) -> Mapping[str | None, Callable[..., Any]]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.owner.lowerings

    @property
    def has_batch_rule(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.owner.batch_rule is not None

    @property
    def statics(self) -> tuple[Any, ...]:
        """The arguments that are not differentiated."""
        return tuple(each.value for each in self.nondiff)

    def _apply(self, function: Callable[..., Any], leaves: Sequence[Any]) -> Any:
        """Calls a function of all arguments."""
        moving = list(self.arguments.unflatten(leaves)[0])
        for number, static in zip(self.numbers, self.nondiff, strict=True):
            moving.insert(number, static.value)
        return function(*moving)

    def call(self, *operands: Any) -> list[Value]:
        if self.owner.fallback is None:
            return self.own(*operands)
        # The types of the results are those of the function; the values are those of the fallback.
        program, _ = trace_program(self.own, [value.type for value in operands], self.label)
        types = self.results[-1].unflatten(program.output_types)

        def compute(*arrays: Any) -> Any:
            return self._apply(fallback, arrays)

        fallback = self.owner.fallback
        compute.__name__ = function_name(fallback)
        return trees.leaves(pure_callback(compute, types, *operands, vmap_method="sequential"))

    def own(self, *operands: Any) -> list[Value]:
        """Returns the results of the function itself, even if there is a fallback."""
        leaves, structure = trees.flatten(self._apply(self.owner.function, operands))
        self.results.append(structure)
        return [as_result(leaf, self.owner.function) for leaf in leaves]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        if self.owner.jvp_rule is not None:
            return self._jvp_by_rule(self.owner.jvp_rule, primals, tangents)
        if self.owner.forward_rule is not None:
            return self._jvp_by_backward_rule(self.owner.forward_rule, primals, tangents)
        return run_jvp(self.own, primals, tangents)

    def _jvp_by_rule(
        self, rule: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        changes = [_for_user(tangent) for tangent in tangents]
        arguments = self.arguments.unflatten(primals)[0], self.arguments.unflatten(changes)[0]
        pair = rule(*self.statics, *arguments)
        name = function_name(rule)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise hinted(
                DifferentiationError(
                    f"the derivative rule `{name}` of `{self.label}` expected to return a pair, "
                    f"but it returned {described(pair)}"
                ),
                "return `(results, tangents)`",
            )
        leaves, structure = trees.flatten(pair[0])
        self.results.append(structure)
        results = [as_result(leaf, rule) for leaf in leaves]
        given, tangent_structure = trees.flatten(pair[1])
        if tangent_structure != structure:
            difference = trees.structure_difference(structure, tangent_structure)
            raise StructureError(
                f"the derivative rule `{name}` of `{self.label}` expected tangents of the results' structure, "
                f"but: {difference}"
            )
        return results, [
            self._checked(change, result.type, f"tangent{path}", name)
            for change, result, path in zip(given, results, structure.paths, strict=True)
        ]

    def _checked(self, value: Any, primal: ArrayType, place: str, name: str) -> Any:
        """Returns a tangent or cotangent that a rule gave, which must have the type of its primal."""
        expected = primal.tangent
        if expected is not primal:
            return Zero(expected)
        array = value if isinstance(value, Value) else as_value(value)
        if array.type.shape == expected.shape and array.type.dtype == expected.dtype:
            return array
        if array.type.shape == expected.shape and array.type.weak:
            return conversions.convert(array, expected.dtype)
        raise DifferentiationError(
            f"the derivative rule `{name}` of `{self.label}` expected `{place}` of type {expected}, "
            f"but it returned one of type {array.type}"
        )

    def _jvp_by_backward_rule(
        self, rule: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        pair = self._apply(rule, primals)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise hinted(
                DifferentiationError(
                    f"the forward rule `{function_name(rule)}` of `{self.label}` expected to return a pair, "
                    f"but it returned {described(pair)}"
                ),
                "return `(results, residuals)`",
            )
        leaves, structure = trees.flatten(pair[0])
        self.results.append(structure)
        results = [as_result(leaf, rule) for leaf in leaves]
        kept, residual_structure = trees.flatten(pair[1])
        residuals = [as_result(leaf, rule) for leaf in kept]
        moving = [place for place, primal in enumerate(primals) if primal.type.tangent is primal.type]
        outputs = [place for place, result in enumerate(results) if result.type.tangent is result.type]
        backward = UserBackwardRule(
            self,
            residual_structure,
            structure,
            tuple(result.type for result in results),
            tuple(primal.type for primal in primals),
        )
        types = tuple(results[place].type for place in outputs)
        given = [_instantiated(tangents[place]) for place in moving]
        changes = CustomLinear(backward, len(residuals), types).bind(*residuals, *given)
        filled: list[Any] = [Zero(result.type.tangent) for result in results]
        for place, change in zip(outputs, changes, strict=True):
            filled[place] = change
        return results, filled

    def batch(
        self, size: int, operands: Sequence[Any], axes: Sequence[int | None]
    ) -> tuple[list[Any], list[int | None]]:
        assert self.owner.batch_rule is not None
        moved = [x if axis is None else moveaxis(x, axis, 0) for x, axis in zip(operands, axes, strict=True)]
        mapped = self.arguments.unflatten([axis is not None for axis in axes])[0]
        arguments = self.arguments.unflatten(moved)[0]
        name = function_name(self.owner.batch_rule)
        pair = self.owner.batch_rule(*self.statics, size, list(mapped), *arguments)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise hinted(
                OperandError(f"the rule `{name}` of `{self.label}` for `vmap` expected to return a pair"),
                "return the results and a structure of booleans: whether each has the mapped axis",
            )
        leaves, structure = trees.flatten(pair[0])
        self.results.append(structure)
        flags = trees.flatten_prefix(pair[1], structure, name="mapped")
        for leaf, flag, path in zip(leaves, flags, structure.paths, strict=True):
            shape = as_result(leaf, self.owner.batch_rule).type.shape
            if flag and shape[:1] != (size,):
                raise BatchingError(
                    f"the rule `{name}` of `{self.label}` for `vmap` expected `result{path}` to have the mapped axis "
                    f"of size {size} first, but it returned shape {shape}"
                )
        return [as_result(leaf, self.owner.batch_rule) for leaf in leaves], [0 if flag else None for flag in flags]


@dataclass(frozen=True)
class UserBackwardRule(BackwardRule):
    """Backward rule of a function of the user, for residuals and results of one structure."""

    rules: UserRules
    residuals: trees.Structure
    results: trees.Structure
    result_types: tuple[ArrayType, ...]
    operand_types: tuple[ArrayType, ...]

    @property
    def label(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.rules.label

    def apply(self, residuals: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        given = iter(cotangents)
        filled = [
            next(given) if type.tangent is type else numpy.zeros(type.shape, FLOAT0) for type in self.result_types
        ]
        rule = self.rules.owner.backward_rule
        assert rule is not None
        name = function_name(rule)
        found = rule(*self.rules.statics, self.residuals.unflatten(residuals), self.results.unflatten(filled))
        expected = self.rules.arguments.children[0]
        if not isinstance(found, tuple | list):
            raise hinted(
                StructureError(
                    f"the backward rule `{name}` of `{self.label}` expected to return a tuple of cotangents, "
                    f"but it returned {described(found)}"
                ),
                f"return a tuple with one cotangent for each of the {len(expected.children)} argument(s)",
            )
        found = tuple(found)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        try:
            leaves = trees.flatten_prefix(found, expected, is_leaf=lambda x: x is None, name="cotangents")
        except StructureError as error:
            raise hinted(
                StructureError(f"the backward rule `{name}` of `{self.label}` returned another structure: {error}"),
                f"return a tuple with one cotangent for each of the {len(expected.children)} argument(s), "
                "`None` for one that is zero",
            ) from error
        results: list[Any] = []
        for leaf, type, path in zip(leaves, self.operand_types, expected.paths, strict=True):
            if type.tangent is not type:
                continue
            if leaf is None:
                results.append(Zero(type))
            else:
                results.append(self.rules._checked(leaf, type, f"cotangents{path}", name))
        return results


def _instantiated(tangent: Any) -> Any:
    return zeros_of(tangent.type) if type(tangent) is Zero else tangent


def _for_user(tangent: Any) -> Any:
    """Returns a tangent as a rule of the user gets it: zeros where it is symbolically zero."""
    if type(tangent) is Zero and tangent.type.dtype == FLOAT0:
        return numpy.zeros(tangent.type.shape, FLOAT0)
    return _instantiated(tangent)


def custom_jvp(
    function: Callable[P, R],
    nondiff_argnums: int | Sequence[int] = (),
    nondiff_argnames: str | Sequence[str] = (),
) -> FunctionWithRules[P, R]:
    """Returns `function`, for which the method `defjvp` (or `defjvps`) of the result defines the derivative.

    Example:
        >>> from ryft_core.primitives.exponential import exp, log
        >>> from ryft_core.transforms.gradients import grad
        >>> @custom_jvp
        ... def softplus(x):
        ...     return log(1 + exp(x))
        >>> @softplus.defjvp
        ... def softplus_jvp(primals, tangents):
        ...     (x,), (dx,) = primals, tangents
        ...     return softplus(x), dx / (1 + exp(-x))
        >>> float(grad(softplus)(100.0))
        1.0

    Args:
        function: Function of arrays and structures of arrays.
        nondiff_argnums: Positions of arguments that are handed to the rules as they are, such as functions.
        nondiff_argnames: Names of such arguments. The rules get all of them by position, in the order of the function.
    """
    check_function("custom_jvp", function)
    return FunctionWithRules(function, nondiff_argnums, nondiff_argnames)


def custom_vjp(
    function: Callable[P, R],
    nondiff_argnums: int | Sequence[int] = (),
    nondiff_argnames: str | Sequence[str] = (),
) -> FunctionWithRules[P, R]:
    """Returns `function`, for which the method `defvjp` of the result defines the reverse derivative.

    Forward derivatives are derived from it.

    Example:
        >>> from ryft_core.transforms.gradients import grad
        >>> @custom_vjp
        ... def clipped(x):
        ...     return x
        >>> clipped.defvjp(lambda x: (x, None), lambda _, cotangent: (min(cotangent, 1.0),))
        >>> float(grad(lambda x: clipped(x) * 5)(2.0))
        1.0

    Args:
        function: Function of arrays and structures of arrays.
        nondiff_argnums: Positions of arguments that are handed to the rules as they are, such as functions.
        nondiff_argnames: Names of such arguments. The rules get all of them by position, in the order of the function.
    """
    check_function("custom_vjp", function)
    return FunctionWithRules(function, nondiff_argnums, nondiff_argnames)


def custom_rules(
    function: Callable[P, R] | None = None,
    *,
    jvp: Callable[..., Any] | None = None,
    vjp: tuple[Callable[..., Any], Callable[..., Any]] | None = None,
    vmap: Callable[..., Any] | None = None,
    lowering: Callable[..., Any] | Mapping[str | None, Callable[..., Any]] | None = None,
    fallback: Callable[..., Any] | None = None,
    nondiff_argnums: int | Sequence[int] = (),
    nondiff_argnames: str | Sequence[str] = (),
) -> Any:
    """Returns `function` with any rules of its own. Can be used as `@custom_rules` or `@custom_rules(jvp=…)`.

    Rules that are not given are derived: a reverse derivative from the forward one and the other way round, both from
    the function, and the rule for `vmap` from the function and its rules.

    Args:
        function: Function of arrays and structures of arrays.
        jvp: Forward derivative; refer to `FunctionWithRules.defjvp`.
        vjp: Both parts of a reverse derivative; refer to `FunctionWithRules.defvjp`.
        vmap: What `vmap` does; refer to `FunctionWithRules.defvmap`.
        lowering: What is compiled, for all platforms or for each; refer to `FunctionWithRules.deflowering`.
        fallback: Function of NumPy arrays to run where there is no lowering; refer to
            `FunctionWithRules.deffallback`.
        nondiff_argnums: Positions of arguments that are handed to the rules as they are, such as functions.
        nondiff_argnames: Names of such arguments. The rules get all of them by position, in the order of the function.

    Returns:
        A `FunctionWithRules`, whose methods define further rules; a decorator, if `function` is left out.
    """

    def decorate(function: Callable[P, R]) -> FunctionWithRules[P, R]:
        check_function("custom_rules", function)
        result = FunctionWithRules(function, nondiff_argnums, nondiff_argnames)
        if jvp is not None:
            result.defjvp(jvp)
        if vjp is not None:
            if not isinstance(vjp, tuple | list) or len(vjp) != 2:  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ArgumentTypeError(f"`vjp` expected a pair of functions, but got {described(vjp)}: {vjp!r:.80}")
            result.defvjp(*vjp)
        if vmap is not None:
            result.defvmap(vmap)
        if fallback is not None:
            result.deffallback(fallback)
        rules = lowering if isinstance(lowering, Mapping) else {None: lowering}
        for platform, rule in rules.items():
            if rule is not None:
                result.deflowering(rule, platform)
        return result

    return decorate if function is None else decorate(function)
