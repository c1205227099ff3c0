"""Verification: whether a program keeps the rules that every program keeps."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ryft_core.errors import ProgramError
from ryft_core.programs.atoms import Literal, Variable

if TYPE_CHECKING:
    from ryft_core.programs.programs import Equation, Program

__all__ = ["verify"]


def verify(program: Program) -> None:
    """Does the work of `Program.verify`."""
    defined: set[Variable] = set()
    for index, variable in enumerate(program.inputs):
        _define(program, variable, defined, f"input {index}")
    for index, equation in enumerate(program.equations):
        _verify_equation(program, equation, index, defined)
    for index, atom in enumerate(program.outputs):
        _verify_use(program, atom, defined, f"output {index}")
    for inner in program.subprograms():
        verify(inner)


def _verify_equation(program: Program, equation: Equation, index: int, defined: set[Variable]) -> None:
    primitive: Any = getattr(equation, "primitive", None)
    if not hasattr(primitive, "infer"):
        raise ProgramError(f"equation {index} of program `{program.name}` expected a primitive, but got {equation!r}")
    place = f"equation {index} (`{primitive.name}`)"
    for atom in equation.inputs:
        _verify_use(program, atom, defined, place)
    count = _operand_count(primitive)
    if count is not None and count != len(equation.inputs):
        raise ProgramError(
            f"{place} of program `{program.name}` expected {count} operand(s), but got {len(equation.inputs)}"
        )
    try:
        inferred = primitive.infer(*(atom.type for atom in equation.inputs))
    except Exception as error:  # Whatever goes wrong: operands that a trace recorded have types that fit.
        types = [str(atom.type) for atom in equation.inputs]
        raise ProgramError(
            f"{place} of program `{program.name}` has operands {types}, which its type rule refuses: {error}"
        ) from error
    types = inferred if primitive.multiple_results else (inferred,)
    for variable in equation.outputs:
        _define(program, variable, defined, place)
    if tuple(types) != tuple(variable.type for variable in equation.outputs):
        raise ProgramError(
            f"{place} of program `{program.name}` defines {[str(v.type) for v in equation.outputs]}, "
            f"but its type rule gives {[str(type) for type in types]}"
        )


def _operand_count(primitive: Any) -> int | None:
    """Returns the number of operands of a primitive, if the rule that computes it on the host tells."""
    reference = getattr(primitive, "reference", None)
    if reference is None:
        return None
    parameters = inspect.signature(reference).parameters.values()
    return None if any(each.kind is each.VAR_POSITIONAL for each in parameters) else len(parameters)


def _verify_use(program: Program, atom: Any, defined: set[Variable], place: str) -> None:
    if isinstance(atom, Variable):
        if atom not in defined:
            raise ProgramError(f"{place} of program `{program.name}` uses a variable that is not defined before it")
    elif not isinstance(atom, Literal):
        raise ProgramError(f"{place} of program `{program.name}` uses {atom!r}, which is no variable and no literal")
    elif (atom.value.shape, atom.value.dtype) != (atom.type.shape, atom.type.dtype):
        raise ProgramError(
            f"{place} of program `{program.name}` uses a literal of type {atom.type} "
            f"whose value has shape {atom.value.shape} and element type {atom.value.dtype}"
        )


def _define(program: Program, variable: Any, defined: set[Variable], place: str) -> None:
    if not isinstance(variable, Variable):
        raise ProgramError(f"{place} of program `{program.name}` expected a variable, but got {variable!r}")
    if variable in defined:
        raise ProgramError(f"{place} of program `{program.name}` defines a variable a second time")
    defined.add(variable)
