"""Programs: what a trace records, and what every transformation reads and writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from ryft_core.errors import ProgramError, RyftError
from ryft_core.programs.atoms import Atom, Immutable, Value, Variable, assign
from ryft_core.programs.locations import SourceLocation, located
from ryft_core.tracing.recorders import Recorders
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.primitives.base import Primitive

__all__ = ["Draft", "Equation", "Program"]


class Draft:
    """Equation that is being made, whose attributes can be assigned: that is three times as fast.

    It becomes an equation when `__class__` is set to `Equation`, which must be done before anybody else sees it.
    """

    __slots__ = ("inputs", "location", "outputs", "primitive", "scope")

    def __init__(
        self,
        primitive: Primitive,
        inputs: tuple[Atom, ...],
        outputs: tuple[Variable, ...],
        location: SourceLocation | None,
        scope: tuple[str, ...],
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.outputs = outputs
        self.location = location
        self.scope = scope


class Equation(Immutable, Draft):
    """One application of a primitive: `outputs = primitive(inputs)`.

    Attributes:
        primitive: What is applied, static parameters included.
        inputs: Its operands.
        outputs: The variables that it defines.
        location: Where the user's code applied it, if known.
        scope: Names of the `named_scope`s around it, outermost first.
    """

    __slots__ = ()

    def __init__(
        self,
        primitive: Primitive,
        inputs: tuple[Atom, ...],
        outputs: tuple[Variable, ...],
        location: SourceLocation | None = None,
        scope: tuple[str, ...] = (),
    ) -> None:
        _set_primitive(self, primitive)
        _set_inputs(self, inputs)
        _set_outputs(self, outputs)
        _set_location(self, location)
        _set_scope(self, scope)

    def __reduce__(self) -> tuple[Any, ...]:
        return Equation, (self.primitive, self.inputs, self.outputs, None, self.scope)  # Code cannot be pickled.

    def __repr__(self) -> str:
        return f"Equation({self.primitive!r}, {self.inputs!r}, {self.outputs!r})"

    def bind(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Applies the primitive to `operands` under the current trace and returns its results."""
        result = self.primitive.bind(*operands)
        return result if self.primitive.multiple_results else (result,)


# Faster than `assign`: transformations make many equations.
_set_primitive, _set_inputs, _set_outputs, _set_location, _set_scope = (
    vars(Draft)[name].__set__ for name in ("primitive", "inputs", "outputs", "location", "scope")
)


class Program(Immutable):
    """Immutable, closed function from arrays to arrays, as a list of equations in evaluation order.

    A program holds no arrays but small literals: what a traced function captured are leading inputs. Two programs are
    equal if they are the same up to the renaming of variables.

    Attributes:
        inputs: Its parameters.
        equations: What it computes, in order.
        outputs: Its results.
        name: Name for people; not part of equality.
    """

    __slots__ = ("__weakref__", "_cache", "_key", "equations", "inputs", "name", "outputs")

    def __init__(
        self,
        inputs: Sequence[Variable],
        equations: Sequence[Equation],
        outputs: Sequence[Atom],
        name: str = "main",
    ) -> None:
        assign(self, "inputs", tuple(inputs))
        assign(self, "equations", tuple(equations))
        assign(self, "outputs", tuple(outputs))
        assign(self, "name", name)
        assign(self, "_key", None)
        assign(self, "_cache", {})

    if TYPE_CHECKING:
        inputs: tuple[Variable, ...]
        equations: tuple[Equation, ...]
        outputs: tuple[Atom, ...]
        name: str
        _key: tuple[Any, ...] | None
        _cache: dict[Any, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        return Program, (self.inputs, self.equations, self.outputs, self.name)

    @property
    def input_types(self) -> tuple[ArrayType, ...]:
        """Types of the inputs."""
        return tuple(variable.type for variable in self.inputs)

    @property
    def output_types(self) -> tuple[ArrayType, ...]:
        """Types of the outputs."""
        return tuple(atom.type for atom in self.outputs)

    def derived(self, key: object, make: Any) -> Any:
        """Returns what `make()` returned for `key` the first time: a memo that lives as long as this program."""
        try:
            return self._cache[key]
        except KeyError:
            return self._cache.setdefault(key, make())

    def evaluate(self, *operands: Any) -> tuple[Any, ...]:
        """Applies every equation under the current trace, with `operands` for the inputs, and returns the outputs."""
        if len(operands) != len(self.inputs):
            raise ProgramError(f"program `{self.name}` expected {len(self.inputs)} operands, but got {len(operands)}")
        values = [operand if isinstance(operand, Value) else as_value(operand) for operand in operands]
        environment: dict[Value, Any] = dict(zip(self.inputs, values, strict=True))
        recorders = Recorders()
        for equation in self.equations:
            primitive = equation.primitive
            try:
                values = [environment[atom] if type(atom) is Variable else atom for atom in equation.inputs]
            except KeyError:
                raise undefined(self) from None
            try:
                result = primitive.bind(*values)
            except RyftError as error:
                located(error, primitive.name, equation.location)
                raise
            recorders.place(equation)
            if primitive.multiple_results:
                environment.update(zip(equation.outputs, result, strict=True))
            else:
                environment[equation.outputs[0]] = result
        try:
            return tuple([environment[atom] if type(atom) is Variable else atom for atom in self.outputs])
        except KeyError:
            raise undefined(self) from None

    def subprograms(self) -> Iterator[Program]:
        """Yields the programs that the equations hold, outermost first, each once."""
        seen: set[int] = set()
        pending: list[Program] = [self]
        while pending:
            for equation in pending.pop().equations:
                for program in equation.primitive.programs():
                    if id(program) not in seen:
                        seen.add(id(program))
                        pending.append(program)
                        yield program

    def verify(self) -> None:
        """Checks that variables are defined once and before their use, and that every equation's types are right.

        Raises:
            ProgramError: If one of these does not hold; the message names the equation.
        """
        verification.verify(self)

    @property
    def key(self) -> tuple[Any, ...]:
        """Structure of the program with variables numbered in order of definition; equal programs share it."""
        if self._key is None:
            numbers: dict[Variable, int] = {}
            for variable in self.inputs:
                numbers[variable] = len(numbers)
            rows: list[Any] = []
            for equation in self.equations:
                operands = tuple(numbers.get(a, a) if isinstance(a, Variable) else a for a in equation.inputs)
                for variable in equation.outputs:
                    numbers[variable] = len(numbers)
                rows.append((equation.primitive, operands))
            results = tuple(numbers.get(a, a) if isinstance(a, Variable) else a for a in self.outputs)
            assign(self, "_key", (self.input_types, tuple(rows), results))
        return cast("tuple[Any, ...]", self._key)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Program) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return printing.format_program(self)

    def __repr__(self) -> str:
        return printing.program_expression(self)


def undefined(program: Program) -> ProgramError:
    """Returns the error for a program that uses what it does not define."""
    error = ProgramError(f"program `{program.name}` uses a variable that is not defined before it")
    error.add_note("hint: `program.verify()` tells which equation does")
    return error


from ryft_core.primitives.operands import as_value  # noqa: E402 (operands are values, literals among them)
from ryft_core.programs import printing, verification  # noqa: E402 (these need programs)
