"""The text of a program: for people, and as a Python expression that gives the program back."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import Any

import numpy

from ryft_core.programs.atoms import Atom, Literal, Variable
from ryft_core.types.array_types import FLOAT0, ArrayType
from ryft_core.types.data_types import DATA_TYPES

__all__ = ["evaluate_expression", "format_program", "program_expression"]


def format_program(program: Program, *, indent: str = "", locations: bool = False) -> str:
    """Returns the text of `program` for people: one line for each equation, nested programs indented below theirs.

    Args:
        program: Program to print.
        indent: What every line starts with.
        locations: Whether each line ends with the place in the user's code that it comes from.
    """
    names: dict[Variable, str] = {}

    def name(variable: Variable) -> str:
        return names.setdefault(variable, f"%{len(names)}")

    def operand(atom: Atom) -> str:
        return name(atom) if isinstance(atom, Variable) else f"{_elements(atom)}:{atom.type}"

    parameters = ", ".join(f"{name(variable)}: {variable.type}" for variable in program.inputs)
    lines = [f"{indent}{program.name}({parameters}) {{"]
    for equation in program.equations:
        arguments = " ".join(operand(atom) for atom in equation.inputs)
        results = ", ".join(f"{name(variable)}: {variable.type}" for variable in equation.outputs)
        nested = list(equation.primitive.programs())
        line = f"{indent}  {results + ' = ' if results else ''}{equation.primitive.text()} {arguments}".rstrip()
        comment = f"  # {equation.location}" if locations and equation.location else ""
        lines.append(line + (" {" if nested else "") + comment)
        lines += [format_program(inner, indent=indent + "    ", locations=locations) for inner in nested]
        if nested:
            lines.append(f"{indent}  }}")
    results = ", ".join(operand(atom) for atom in program.outputs)
    lines += [f"{indent}  return {results}".rstrip(), f"{indent}}}"]
    return "\n".join(lines)


def _elements(literal: Literal) -> str:
    return str(literal.value.tolist()) if literal.value.size <= 16 else f"<{literal.value.size} elements>"


_DEPTH: ContextVar[int] = ContextVar("ryft_expression_depth", default=0)


def program_expression(program: Program) -> str:
    """Returns a Python expression for `program`; `evaluate_expression` gives an equal program back.

    Primitives that hold Python functions have no such expression; theirs shows the function's own `repr`.
    """
    names: dict[Variable, str] = {}
    # The expressions of nested programs, which `repr` of a primitive gives, must not define the names of this one.
    depth = _DEPTH.get()
    token = _DEPTH.set(depth + 1)

    def define(variable: Variable) -> str:
        names[variable] = f"{'abcdefgh'[depth % 8]}{len(names)}"
        return f"{names[variable]} := Variable({variable.type!r})"

    def use(atom: Atom) -> str:
        return names.get(atom) or repr(atom) if isinstance(atom, Variable) else repr(atom)

    inputs = ", ".join(f"({define(variable)})" for variable in program.inputs)
    equations: list[str] = []
    for equation in program.equations:
        operands = "".join(f"{use(atom)}, " for atom in equation.inputs)
        results = "".join(f"({define(variable)}), " for variable in equation.outputs)
        equations.append(f"Equation({equation.primitive!r}, ({operands}), ({results}))")
    outputs = ", ".join(use(atom) for atom in program.outputs)
    _DEPTH.reset(token)
    return f"Program([{inputs}], [{', '.join(equations)}], [{outputs}], {program.name!r})"


def evaluate_expression(expression: str) -> Program:
    """Returns the program that `repr` printed as `expression`. It is evaluated as Python: do not pass foreign text."""
    modules = {sys.modules[primitive.__module__] for primitive in base.PRIMITIVES.values()}
    namespace: dict[str, Any] = {
        # The classes of static parameters are defined next to the primitives that have them.
        **{name: value for module in modules for name, value in vars(module).items() if isinstance(value, type)},
        **{dtype.name: dtype for dtype in DATA_TYPES},
        **{primitive.__name__: primitive for primitive in base.PRIMITIVES.values()},
        **{"Program": Program, "Equation": Equation, "Variable": Variable, "Literal": Literal},
        **{"ArrayType": ArrayType, "FLOAT0": FLOAT0, "asarray": numpy.asarray},
        **{"dtype": numpy.dtype, "nan": numpy.nan, "inf": numpy.inf},
    }
    return eval(expression, namespace)


from ryft_core.primitives import base  # noqa: E402 (primitives hold programs, which are printed here)
from ryft_core.programs.programs import Equation, Program  # noqa: E402
