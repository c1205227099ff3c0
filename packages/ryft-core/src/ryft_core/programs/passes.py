"""Passes over programs. Each is a function from a program to an equivalent one; `PASSES` lists what `jit` applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryft_core.programs.atoms import Atom, Literal, Variable
from ryft_core.programs.programs import Equation, Program

__all__ = [
    "PASSES",
    "eliminate_common_subexpressions",
    "eliminate_dead_code",
    "fold_constants",
    "inline_calls",
    "is_pure",
    "simplify",
]

FOLDED_BYTES_LIMIT = 1024
"""Bytes up to which the result of constants is folded into a literal."""


def is_pure(equation: Equation) -> bool:
    """Returns whether an equation has no effect but its results."""
    primitive = equation.primitive
    return primitive.pure and all(is_pure(inner) for program in primitive.programs() for inner in program.equations)


def eliminate_dead_code(program: Program) -> Program:
    """Returns `program` without the equations whose results nobody uses. Equations with side effects stay."""
    used = {atom for atom in program.outputs if type(atom) is Variable}
    kept: list[Equation] = []
    for equation in reversed(program.equations):
        if not used.isdisjoint(equation.outputs) or not is_pure(equation):
            kept.append(equation)
            used.update(atom for atom in equation.inputs if type(atom) is Variable)
    if len(kept) == len(program.equations):
        return program
    return Program(program.inputs, kept[::-1], program.outputs, program.name)


def eliminate_common_subexpressions(program: Program) -> Program:
    """Returns `program` with equal applications of pure primitives to equal operands merged into the first one."""
    first: dict[Any, Equation] = {}
    substitution: dict[Atom, Atom] = {}
    kept: list[Equation] = []
    for equation in program.equations:
        equation = _substituted(equation, substitution)
        if not is_pure(equation):
            kept.append(equation)
            continue
        present = first.setdefault((equation.primitive, equation.inputs), equation)
        if present is equation:
            kept.append(equation)
        else:
            substitution.update(zip(equation.outputs, present.outputs, strict=True))
    outputs = [substitution.get(atom, atom) for atom in program.outputs]
    return Program(program.inputs, kept, outputs, program.name)


def fold_constants(program: Program) -> Program:
    """Returns `program` with pure equations whose operands are all literals evaluated, where the results are small."""
    substitution: dict[Atom, Atom] = {}
    kept: list[Equation] = []
    for equation in program.equations:
        equation = _substituted(equation, substitution)
        small = all(
            variable.type.size * variable.type.dtype.itemsize <= FOLDED_BYTES_LIMIT for variable in equation.outputs
        )
        constant = all(type(atom) is Literal for atom in equation.inputs)
        if not (equation.inputs and constant and small and is_pure(equation) and not _communicates(equation)):
            kept.append(equation)
            continue
        result = equation.primitive.evaluate(equation.inputs)
        results = result if equation.primitive.multiple_results else (result,)
        for variable, value in zip(equation.outputs, results, strict=True):
            substitution[variable] = Literal(value.__array__(), variable.type)
    outputs = [substitution.get(atom, atom) for atom in program.outputs]
    return Program(program.inputs, kept, outputs, program.name)


def _communicates(equation: Equation) -> bool:
    """Returns whether an equation depends on a mapped axis around the program, and so cannot be evaluated alone."""
    primitive = equation.primitive
    inner = (each for program in primitive.programs() for each in program.equations)
    return hasattr(primitive, "axis_name") or any(map(_communicates, inner))


def inline_calls(program: Program) -> Program:
    """Returns `program` with every call of a program replaced by the equations of that program, at any depth."""
    substitution: dict[Atom, Atom] = {}
    equations: list[Equation] = []

    def append(source: Program, rename: dict[Atom, Atom]) -> None:
        for equation in source.equations:
            inputs = tuple(rename.get(atom, atom) for atom in equation.inputs)
            called = equation.primitive.called_program()
            if called is None:
                outputs = tuple(Variable(variable.type) for variable in equation.outputs)
                rename.update(zip(equation.outputs, outputs, strict=True))
                equations.append(Equation(equation.primitive, inputs, outputs, equation.location, equation.scope))
            else:
                inner: dict[Atom, Atom] = dict(zip(called.inputs, inputs, strict=True))
                append(called, inner)
                results = [inner.get(atom, atom) for atom in called.outputs]
                rename.update(zip(equation.outputs, results, strict=True))

    append(program, substitution)
    outputs = [substitution.get(atom, atom) for atom in program.outputs]
    return Program(program.inputs, equations, outputs, program.name)


PASSES: tuple[Callable[[Program], Program], ...] = (eliminate_dead_code,)
"""What `jit` applies, in order. XLA merges and folds by itself; dead code is dropped so that it need not be lowered."""


def simplify(program: Program) -> Program:
    """Returns `program` after all of `PASSES`."""
    for apply in PASSES:
        program = apply(program)
    return program


def _substituted(equation: Equation, substitution: dict[Atom, Atom]) -> Equation:
    inputs = tuple([substitution.get(atom, atom) for atom in equation.inputs]) if substitution else equation.inputs
    if inputs == equation.inputs:
        return equation
    return Equation(equation.primitive, inputs, equation.outputs, equation.location, equation.scope)
