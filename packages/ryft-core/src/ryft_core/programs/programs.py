"""Programs: what a trace records, and what every transformation reads and writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ryft_core.errors import ProgramError, RyftError
from ryft_core.programs.atoms import Atom, Value, Variable
from ryft_core.programs.locations import SourceLocation, located
from ryft_core.tracing.recorders import Recorders
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_core.primitives.base import Primitive

__all__ = ["Equation", "Program"]


class Equation:
    """One application of a primitive: `outputs = primitive(inputs)`.

    Attributes:
        primitive: What is applied, static parameters included.
        inputs: Its operands.
        outputs: The variables that it defines.
        location: Where the user's code applied it, if known.
        scope: Names of the `named_scope`s around it, outermost first.
    """

    __slots__ = ("inputs", "location", "outputs", "primitive", "scope")

    def __init__(
        self,
        primitive: Primitive,
        inputs: tuple[Atom, ...],
        outputs: tuple[Variable, ...],
        location: SourceLocation | None = None,
        scope: tuple[str, ...] = (),
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.outputs = outputs
        self.location = location
        self.scope = scope

    def bind(self, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Applies the primitive to `operands` under the current trace and returns its results."""
        result = self.primitive.bind(*operands)
        return result if self.primitive.multiple_results else (result,)


class Program:
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
        self.inputs = tuple(inputs)
        self.equations = tuple(equations)
        self.outputs = tuple(outputs)
        self.name = name
        self._key: tuple[Any, ...] | None = None
        self._cache: dict[Any, Any] = {}

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
        environment: dict[Value, Any] = dict(zip(self.inputs, operands, strict=True))
        recorders = Recorders()
        for equation in self.equations:
            primitive = equation.primitive
            values = [environment[atom] if type(atom) is Variable else atom for atom in equation.inputs]
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
        return tuple(environment[atom] if type(atom) is Variable else atom for atom in self.outputs)

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
        defined: set[Variable] = set()
        for variable in self.inputs:
            _define(self, variable, defined, "an input")
        for index, equation in enumerate(self.equations):
            place = f"equation {index} (`{equation.primitive.name}`)"
            for atom in equation.inputs:
                if isinstance(atom, Variable) and atom not in defined:
                    raise ProgramError(
                        f"{place} of program `{self.name}` uses a variable that is not defined before it"
                    )
            inferred = equation.primitive.infer(*(atom.type for atom in equation.inputs))
            types = inferred if equation.primitive.multiple_results else (inferred,)
            if tuple(types) != tuple(variable.type for variable in equation.outputs):
                raise ProgramError(
                    f"{place} of program `{self.name}` defines {[str(v.type) for v in equation.outputs]}, "
                    f"but its type rule gives {[str(type) for type in types]}"
                )
            for variable in equation.outputs:
                _define(self, variable, defined, place)
        for atom in self.outputs:
            if isinstance(atom, Variable) and atom not in defined:
                raise ProgramError(f"program `{self.name}` returns a variable that is not defined")
        for program in self.subprograms():
            program.verify()

    @property
    def key(self) -> tuple[Any, ...]:
        """Structure of the program with variables numbered in order of definition; equal programs share it."""
        if self._key is None:
            numbers: dict[Variable, int] = {}
            for variable in self.inputs:
                numbers[variable] = len(numbers)
            rows: list[Any] = []
            for equation in self.equations:
                operands = tuple(numbers[a] if isinstance(a, Variable) else a for a in equation.inputs)
                for variable in equation.outputs:
                    numbers[variable] = len(numbers)
                rows.append((equation.primitive, operands))
            results = tuple(numbers[a] if isinstance(a, Variable) else a for a in self.outputs)
            self._key = (self.input_types, tuple(rows), results)
        return self._key

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Program) and self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return printing.format_program(self)

    def __repr__(self) -> str:
        return printing.program_expression(self)


def _define(program: Program, variable: Variable, defined: set[Variable], place: str) -> None:
    if variable in defined:
        raise ProgramError(f"{place} of program `{program.name}` defines a variable a second time")
    defined.add(variable)


from ryft_core.programs import printing  # noqa: E402 (printing needs programs)
