"""The text of a program, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ryft_core.programs.atoms import Atom, Variable

if TYPE_CHECKING:
    from ryft_core.programs.programs import Program

__all__ = ["format_program"]


def format_program(program: Program, indent: str = "", names: dict[Variable, str] | None = None) -> str:
    """Returns the text of `program`: one line for each equation, nested programs indented below theirs."""
    names = {} if names is None else names

    def name(variable: Variable) -> str:
        return names.setdefault(variable, f"%{len(names)}")

    def operand(atom: Atom) -> str:
        if isinstance(atom, Variable):
            return name(atom)
        return f"{atom.value.tolist()}:{atom.type}"

    parameters = ", ".join(f"{name(variable)}: {variable.type}" for variable in program.inputs)
    lines = [f"{indent}{program.name}({parameters}) {{"]
    for equation in program.equations:
        results = ", ".join(f"{name(variable)}: {variable.type}" for variable in equation.outputs)
        arguments = " ".join(operand(atom) for atom in equation.inputs)
        line = f"{indent}  {results} = {equation.primitive.text()} {arguments}".rstrip()
        nested = list(equation.primitive.programs())
        if nested:
            line += " {"
        lines.append(line)
        for inner in nested:
            lines.append(format_program(inner, indent + "    "))
        if nested:
            lines.append(f"{indent}  }}")
    results = ", ".join(operand(atom) for atom in program.outputs)
    lines.append(f"{indent}  return {results}".rstrip())
    lines.append(f"{indent}}}")
    return "\n".join(lines)
