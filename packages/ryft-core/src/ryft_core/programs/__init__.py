"""Programs: the small typed intermediate representation that traces record."""

from ryft_core.programs.atoms import Atom, Literal, Value, Variable
from ryft_core.programs.locations import SourceLocation
from ryft_core.programs.programs import Equation, Program

__all__ = ["Atom", "Equation", "Literal", "Program", "SourceLocation", "Value", "Variable"]
