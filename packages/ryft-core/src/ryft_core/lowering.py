"""Lowering: from a program to a StableHLO module."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any

import numpy

from ryft_core.errors import RyftError
from ryft_core.programs.atoms import Value, Variable
from ryft_core.programs.locations import SourceLocation, located
from ryft_core.programs.programs import Equation, Program
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import bit_width
from ryft_mlir import Context, Module
from ryft_mlir.dialects import chlo, func, stable_hlo
from ryft_mlir.locations import file_location, name_location

__all__ = ["Builder", "lower_program"]

_LOCK = RLock()
_CONTEXT: list[Context] = []
_TYPES: dict[ArrayType, Any] = {}


def shared_context() -> Context:
    """Returns the MLIR context that all programs are lowered in. It is made on first use."""
    with _LOCK:
        if not _CONTEXT:
            _CONTEXT.append(Context())
        return _CONTEXT[0]


def widened_type(type: ArrayType) -> ArrayType:
    """Returns the type with integers of 8 bits for one with integers of less than 4 bits, and any other as it is."""
    if type.kind in "iu" and bit_width(type.dtype) < 4:
        return type.with_dtype(numpy.dtype("int8" if type.kind == "i" else "uint8"))
    return type


class Builder:
    """What a lowering rule appends operations through. It lowers one function, equation by equation.

    Attributes:
        block: Block that operations are appended to.
        context: Context of the module.
        operand_types: Types of the operands of the equation that is being lowered.
        result_types: Types of its results.
        results: The same as MLIR types.
        location: Where the user's code applied the primitive, as an MLIR location.
        order: What the last ordered operation of the function gave, for the next one to take.
    """

    stable_hlo = stable_hlo
    chlo = chlo

    def __init__(self, module: ModuleBuilder, block: Any) -> None:
        self.module = module
        self.context = module.context
        self.block = block
        self.operand_types: tuple[ArrayType, ...] = ()
        self.result_types: tuple[ArrayType, ...] = ()
        self.results: list[Any] = []
        self.location: Any = None
        self.order: Any = None

    def type(self, type: ArrayType) -> Any:
        """Returns the MLIR tensor type of an array type."""
        return self.module.type(type)

    def emit(self, operation: str, *operands: Any, **options: Any) -> Any:
        """Appends the StableHLO operation (or `"chlo.NAME"`) that is built by the builder called `operation`."""
        builder = _BUILDERS.get(operation)
        if builder is None:
            dialect, _, name = operation.rpartition(".")
            builder = _BUILDERS[operation] = getattr(chlo if dialect == "chlo" else stable_hlo, name)
        return builder(self.block, *operands, location=self.location, **options)

    def constant(self, value: Any) -> Any:
        """Appends a constant with the elements of a NumPy array, and returns it."""
        return stable_hlo.constant(self.block, value, location=self.location)

    def broadcast(self, value: Any, type: ArrayType, shape: tuple[int, ...]) -> Any:
        """Appends the broadcast of a value of `type` to `shape`, aligned at the last axis, and returns the result."""
        offset = len(shape) - len(type.shape)
        dimensions = tuple(range(offset, len(shape)))
        result = self.type(type.with_shape(shape))
        return stable_hlo.broadcast_in_dim(self.block, value, result, dimensions, location=self.location)

    def widened(self, operands: Sequence[Any]) -> tuple[list[Any], list[ArrayType]]:
        """Appends conversions to 8 bits of the operands that are integers of less than 4, and returns all operands.

        The CPU plugin lays these out unlike other types: some operations fail on them, or end the process.
        """
        types = [widened_type(type) for type in self.operand_types]
        values = [
            value if wide is type else self.emit("convert", value, self.type(wide))
            for value, wide, type in zip(operands, types, self.operand_types, strict=True)
        ]
        return values, types

    def widened_results(self) -> list[ArrayType]:
        """Returns the types of the results, with 8 bits for integers of less than 4."""
        return [widened_type(type) for type in self.result_types]

    def narrowed(self, results: Sequence[Any], types: Sequence[ArrayType]) -> tuple[Any, ...]:
        """Appends the conversions of results of `types` back to the result types, and returns the results."""
        return tuple(
            value if wide.dtype == type.dtype else self.emit("convert", value, self.type(type))
            for value, wide, type in zip(results, types, self.result_types, strict=True)
        )

    def reduce(self, operand: Any, initial: Any, axes: Sequence[int], operation: str) -> Any:
        """Appends the reduction of `operand` along `axes` by a StableHLO operation of two elements."""
        combine: Callable[..., Any] = getattr(stable_hlo, operation)
        (result,) = stable_hlo.reduce(
            self.block,
            operand,
            initial,
            axes,
            lambda block, left, right: combine(block, left, right),
            result_types=self.results,
            location=self.location,
        )
        return result

    def inline(self, block: Any, program: Program, operands: Sequence[Any]) -> list[Any]:
        """Lowers the equations of `program` into `block`, for a region, and returns its outputs."""
        inner = Builder(self.module, block)
        inner.location = self.location
        return inner.lower_equations(program, operands)

    def call(self, program: Program, operands: Sequence[Any]) -> tuple[Any, ...]:
        """Appends a call of the function that `program` is lowered to. Equal programs share one function."""
        function = self.module.function(program)
        results = [self.type(type) for type in program.output_types]
        return func.call(self.block, function, operands, results, location=self.location)

    def lower_equations(self, program: Program, operands: Sequence[Any]) -> list[Any]:
        """Lowers every equation of `program`, with `operands` for its inputs, and returns its outputs."""
        environment: dict[Value, Any] = dict(zip(program.inputs, operands, strict=True))

        def read(atom: Any) -> Any:
            if type(atom) is Variable:
                return environment[atom]
            return self.constant(atom.value)

        outer = self.location
        module_type = self.module.type
        for equation in program.equations:
            self.location = self.module.location(equation, outer)
            values = [read(atom) for atom in equation.inputs]
            self.operand_types = tuple([atom.type for atom in equation.inputs])
            self.result_types = tuple([variable.type for variable in equation.outputs])
            self.results = [module_type(type) for type in self.result_types]
            try:
                results = equation.primitive.lower(self, *values)
            except RyftError as error:
                located(error, equation.primitive.name, equation.location)
                raise
            if equation.primitive.multiple_results:
                environment.update(zip(equation.outputs, results, strict=True))
            else:
                environment[equation.outputs[0]] = results
        self.location = outer
        return [read(atom) for atom in program.outputs]


_BUILDERS: dict[str, Callable[..., Any]] = {}


class ModuleBuilder:
    """Lowers programs to functions of one module."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.module = Module.create(context)
        self.functions: dict[Program, Any] = {}
        self.names: dict[str, int] = {}
        self.locations: dict[Any, Any] = {}

    def type(self, type: ArrayType) -> Any:
        """Returns the MLIR tensor type of an array type."""
        found = _TYPES.get(type)
        if found is None:
            found = _TYPES[type] = self.context.tensor_type(type.shape, type.dtype)
        return found

    def location(self, equation: Equation, outer: Any) -> Any:
        """Returns the MLIR location of an equation; that of what encloses it, if its own is not known."""
        if equation.location is None:
            return outer
        key = (equation.location, equation.scope)
        found = self.locations.get(key)
        if found is None:
            found = self.locations[key] = self._new_location(equation.location, equation.scope)
        return found

    def _new_location(self, location: SourceLocation, scope: tuple[str, ...]) -> Any:
        place = file_location(self.context, location.file, (location.line, 1), None)
        return name_location(self.context, "/".join((*scope, location.function)), place)

    def function(self, program: Program) -> Any:
        """Returns the private function of `program`, which is lowered on first use."""
        found = self.functions.get(program)
        if found is None:
            found = self.functions[program] = self.define(program, self.unique(program.name), "private")
        return found

    def unique(self, name: str) -> str:
        """Returns `name`, with a number behind it if it is taken, as a symbol."""
        symbol = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in name) or "function"
        count = self.names.get(symbol, 0)
        self.names[symbol] = count + 1
        return f"{symbol}_{count}" if count else symbol

    def define(self, program: Program, name: str, visibility: str, aliases: Mapping[int, int] | None = None) -> Any:
        """Adds the function `name` that computes `program` to the module.

        `aliases` says which output takes over the memory of which input.
        """
        arguments = [self.type(type) for type in program.input_types]
        results = [self.type(type) for type in program.output_types]
        attributes: list[dict[str, Any]] | None = None
        if aliases:
            attributes = [{} for _ in arguments]
            for index, output in aliases.items():
                attributes[index] = {"tf.aliasing_output": numpy.int32(output)}
        function = func.func(
            self.module.body, name, arguments, results, visibility=visibility, argument_attributes=attributes
        )
        block = function.entry_block
        outputs = Builder(self, block).lower_equations(program, block.arguments)
        func.return_(block, outputs)
        return function


def lower_program(program: Program, aliases: Mapping[int, int] | None = None) -> Module:
    """Returns the StableHLO module whose public function `main` computes `program`.

    `aliases` says which output takes over the memory of which input.
    """
    with _LOCK:
        builder = ModuleBuilder(shared_context())
        builder.names["main"] = 1
        builder.define(program, "main", "public", aliases)
        return builder.module
