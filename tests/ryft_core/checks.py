"""Independent evaluators of programs: NumPy, through the references of primitives, and StableHLO's interpreter."""

from __future__ import annotations

import atexit
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy
from interpreter import Interpreter

from ryft_core import trees
from ryft_core.arrays import device_array
from ryft_core.compilation import compile_program
from ryft_core.lowering import lower_program
from ryft_core.primitives.base import Primitive
from ryft_core.primitives.complex_numbers import Complex, Imaginary, Real
from ryft_core.programs import Equation, Program, Variable
from ryft_core.tracing.evaluation import run_compiled
from ryft_core.types.array_types import ArrayType
from ryft_core.types.data_types import real_dtype

Arrays = Sequence[Any]


def types_of(operands: Arrays) -> tuple[ArrayType, ...]:
    """Returns the types of NumPy arrays."""
    return tuple(ArrayType(operand.shape, operand.dtype) for operand in operands)


def as_tuple(primitive: Primitive, results: Any) -> tuple[Any, ...]:
    """Returns the results of a primitive as a tuple."""
    return tuple(results) if primitive.multiple_results else (results,)


def single_equation(primitive: Primitive, types: Sequence[ArrayType]) -> Program:
    """Returns the program that applies `primitive` once."""
    inputs = [Variable(type) for type in types]
    outputs = [Variable(type) for type in as_tuple(primitive, primitive.infer(*types))]
    return Program(inputs, [Equation(primitive, tuple(inputs), tuple(outputs))], outputs, "main")


def run_reference(primitive: Primitive, operands: Arrays) -> tuple[numpy.ndarray[Any, Any], ...]:
    """Returns what the NumPy reference of `primitive` gives, in the element types that its type rule gives.

    A primitive without a reference is compiled.
    """
    types = as_tuple(primitive, primitive.infer(*types_of(operands)))
    reference = getattr(primitive, "reference", None)
    if reference is None:
        results = as_tuple(primitive, run_compiled(primitive, _arrays(operands)))
        return tuple(numpy.asarray(result) for result in results)
    with numpy.errstate(all="ignore"):
        try:
            results = [numpy.asarray(result) for result in as_tuple(primitive, reference(*operands))]
        except AttributeError as error:  # A program in it applies a primitive without a reference.
            if error.name != "reference":
                raise
            results = [numpy.asarray(x) for x in as_tuple(primitive, run_compiled(primitive, _arrays(operands)))]
    for result, type in zip(results, types, strict=True):
        assert result.shape == type.shape, f"{primitive}: the type rule says {type}, the reference {result.shape}"
    return tuple(result.astype(type.dtype) for result, type in zip(results, types, strict=True))


def _arrays(operands: Arrays) -> tuple[Any, ...]:
    return tuple(device_array(operand) for operand in operands)


def run_kernel(program: Program, arrays: Sequence[Any], *, quick: bool) -> list[Any]:
    """Compiles a program and runs it."""
    kernel = compile_program(program, quick=quick)
    structure = trees.flatten([0] * len(program.outputs))[1]
    return kernel.entry(structure, len(arrays), range(len(arrays))).run(kernel, tuple(arrays))


def run_program(program: Program, operands: Arrays) -> list[numpy.ndarray[Any, Any]]:
    """Evaluates a program with NumPy."""
    values: dict[Any, Any] = dict(zip(program.inputs, operands, strict=True))

    def read(atom: Any) -> Any:
        return values[atom] if type(atom) is Variable else numpy.asarray(atom.value)

    for equation in program.equations:
        results = run_reference(equation.primitive, [read(atom) for atom in equation.inputs])
        values.update(zip(equation.outputs, results, strict=True))
    return [read(atom) for atom in program.outputs]


def run_interpreter(program: Program, operands: Arrays) -> list[numpy.ndarray[Any, Any]]:
    """Evaluates a program with the reference interpreter of StableHLO."""
    types = program.output_types
    module = lower_program(with_real_interface(program))
    parts: list[Any] = []
    for operand in operands:
        parts += [operand.real, operand.imag] if operand.dtype.kind == "c" else [operand]
    results = iter(_INTERPRETER.run(module.bytecode(), [numpy.array(part, order="C") for part in parts]))
    return [
        numpy.asarray(next(results) + 1j * next(results), type.dtype) if type.kind == "c" else next(results)
        for type in types
    ]


def with_real_interface(program: Program) -> Program:
    """Returns `program` with complex inputs and outputs split in two: the interpreter takes and gives no others."""
    if all(type.kind != "c" for type in (*program.input_types, *program.output_types)):
        return program
    inputs: list[Variable] = []
    equations: list[Equation] = []
    for variable in program.inputs:
        if variable.type.kind == "c":
            parts = (Variable(variable.type.with_dtype(real_dtype(variable.type.dtype))) for _ in range(2))
            equations.append(Equation(Complex(), tuple(parts), (variable,)))
            inputs += equations[-1].inputs
        else:
            inputs.append(variable)
    equations += program.equations
    outputs: list[Any] = []
    for atom in program.outputs:
        if atom.type.kind == "c":
            for part in (Real(), Imaginary()):
                equations.append(Equation(part, (atom,), (Variable(part.infer(atom.type)),)))
                outputs += equations[-1].outputs
        else:
            outputs.append(atom)
    return Program(inputs, equations, outputs, program.name)


_INTERPRETER = Interpreter()
atexit.register(_INTERPRETER.close)


def axis_combinations(ranks: Sequence[int]) -> Iterator[tuple[int | None, ...]]:
    """Yields every way to map axes of operands of `ranks`; of three or more operands, only first and last axes."""
    if len(ranks) <= 2:
        choices = [[None, *range(rank + 1)] for rank in ranks]
    else:
        choices = [[None, 0, rank] if rank else [None, 0] for rank in ranks]
    return (axes for axes in itertools.product(*choices) if any(axis is not None for axis in axes))


def compare(result: Any, expected: Any, tolerance: float) -> None:
    """Checks that two arrays have one type and nearly equal elements."""
    result, expected = numpy.asarray(result), numpy.asarray(expected)
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
    if result.dtype.kind in "biu" or result.dtype.name.startswith(("int", "uint")):
        numpy.testing.assert_array_equal(result, expected)
    elif result.dtype.kind == "c":
        numpy.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)
    elif result.size:
        numpy.testing.assert_allclose(
            result.astype("float64"), expected.astype("float64"), rtol=tolerance, atol=tolerance
        )
