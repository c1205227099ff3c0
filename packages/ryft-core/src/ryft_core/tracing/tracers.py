"""Tracers: arrays that stand for a value while a function is traced."""

from __future__ import annotations

from typing import Any

from ryft_core.arrays import Array
from ryft_core.errors import LeakedTracerError, RyftError
from ryft_core.primitives.symbolic import Linear, not_linear
from ryft_core.programs.atoms import Literal, Variable
from ryft_core.programs.locations import caller_location, located
from ryft_core.programs.programs import Draft, Equation, Program
from ryft_core.tracing.origins import leaked, not_concrete
from ryft_core.tracing.traces import STATE, Trace, using_trace
from ryft_core.types.array_types import ArrayType

__all__ = ["ProgramTrace", "ProgramTracer", "Tracer", "trace_program"]


class Tracer(Array):
    """Value of a trace. It is an `Array` to the traced function, but has no elements yet."""

    __slots__ = ("trace", "type")

    trace: Any

    @property
    def underlying(self) -> Any:
        """Value of the trace around that this one stands for, or `None` if it has none."""
        return None

    def _concrete(self, use: str) -> Any:
        if self.trace.finished:
            raise leaked(self)
        raise not_concrete(self, use)


class ProgramTracer(Tracer):
    """Value that a `ProgramTrace` records the computation of."""

    __slots__ = ("variable",)

    def __init__(self, trace: ProgramTrace, variable: Variable) -> None:
        self.trace = trace
        self.type = variable.type
        self.variable = variable


class ProgramTrace(Trace):
    """Records the primitives that are applied while it is current.

    Attributes:
        parent: Trace that was current before; values of it that are used are captured as inputs of the program.
        equations: What was recorded so far.
        captured: Values captured so far, each with its variable, by identity.
        function: Function that is traced, if it is one; errors name its arguments.
    """

    __slots__ = ("captured", "equations", "finished", "function", "inputs", "parent", "scope")

    def __init__(self, parent: Trace, function: Any = None) -> None:
        self.parent = parent
        self.function = function
        self.equations: list[Equation] = []
        self.inputs: list[Variable] = []
        self.captured: dict[int, tuple[Any, Variable]] = {}
        self.scope: tuple[str, ...] = getattr(parent, "scope", ())
        self.finished = False

    def axis_size(self, name: object) -> int | None:
        return self.parent.axis_size(name)

    def new_input(self, type: ArrayType) -> ProgramTracer:
        """Returns a tracer for a new input of the program."""
        variable = Variable(type)
        self.inputs.append(variable)
        return ProgramTracer(self, variable)

    def atom(self, value: Any) -> Variable | Literal:
        """Returns the operand that `value` is in the program: its variable, a literal, or a captured input."""
        kind = type(value)
        if kind is ProgramTracer and value.trace is self:
            return value.variable
        if kind is Literal:
            return value
        found = self.captured.get(id(value))
        if found is None:
            if isinstance(value, Tracer) and value.trace.finished:
                raise leaked(value)
            if kind is Linear:
                raise not_linear()
            found = self.captured[id(value)] = (value, Variable(value.type))
        return found[1]

    def process(self, primitive: Any, operands: tuple[Any, ...]) -> Any:
        return self.record(primitive, operands)

    def record(self, primitive: Any, operands: tuple[Any, ...]) -> Any:
        """Appends the equation that applies `primitive` to `operands` and returns tracers for its results."""
        if self.finished:
            raise LeakedTracerError("a trace was used after the function that it traces had returned")
        inputs: list[Any] = []
        for value in operands:
            if type(value) is ProgramTracer and value.trace is self:
                inputs.append(value.variable)
            else:
                inputs.append(self.atom(value))
        try:
            inferred = primitive.infer(*[atom.type for atom in inputs])
        except RyftError as error:
            located(error, primitive.name, caller_location(2))
            raise
        if primitive.multiple_results:
            outputs = tuple([Variable(type) for type in inferred])
        else:
            outputs = (Variable(inferred),)
        equation: Any = Draft(primitive, tuple(inputs), outputs, caller_location(3), self.scope)
        equation.__class__ = Equation
        self.equations.append(equation)
        if primitive.multiple_results:
            return tuple([ProgramTracer(self, variable) for variable in outputs])
        return ProgramTracer(self, outputs[0])

    def build(self, outputs: list[Any], name: str) -> tuple[Program, list[Any]]:
        """Ends the trace. Returns the program, captured values first among its inputs, and those values."""
        atoms = [self.atom(output) for output in outputs]
        self.finished = True
        captured = list(self.captured.values())
        inputs = [variable for _, variable in captured] + self.inputs
        return Program(inputs, self.equations, atoms, name), [value for value, _ in captured]


def trace_program(function: Any, input_types: Any, name: str = "main") -> tuple[Program, list[Any]]:
    """Traces `function`, which maps tracers of `input_types` to a sequence of arrays.

    Returns:
        The program, and the values from outside that it captured, which are its leading inputs.
    """
    trace = ProgramTrace(STATE.trace, function)
    inputs = [trace.new_input(type) for type in input_types]
    try:
        with using_trace(trace):
            outputs = list(function(*inputs))
        return trace.build(outputs, name)
    finally:
        trace.finished = True
