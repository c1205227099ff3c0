"""Programs: their rules, equality, evaluation, texts, passes and drawings."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ryft_core as ryft
from ryft_core.errors import ProgramError
from ryft_core.primitives.arithmetic import Add, Multiply
from ryft_core.primitives.exponential import Sine, sin, tanh
from ryft_core.programs import Equation, Literal, Program, Variable
from ryft_core.programs.drawing import draw_html, draw_svg, draw_text
from ryft_core.programs.passes import (
    eliminate_common_subexpressions,
    eliminate_dead_code,
    fold_constants,
    inline_calls,
    simplify,
)
from ryft_core.programs.printing import evaluate_expression, format_program
from ryft_core.tracing.tracers import trace_program
from ryft_core.types.array_types import ArrayType

VECTOR = ArrayType((3,), np.dtype("float32"))
X = np.array([0.5, -1.0, 2.0], np.float32)


def program_of(function: Callable[..., Any], *types: ArrayType) -> Program:
    program, captured = trace_program(lambda *xs: [function(*xs)], types or (VECTOR,))
    assert not captured
    return program


def names(program: Program) -> list[str]:
    return [equation.primitive.name for equation in program.equations]


def test_program_evaluates_like_the_function() -> None:
    program = program_of(lambda x: sin(x) * x + 1)
    np.testing.assert_allclose(program.evaluate(ryft.numpy.add(X, 0))[0], np.sin(X) * X + 1, rtol=1e-6)


def test_program_text_shows_types_and_literals() -> None:
    assert str(program_of(lambda x: sin(x) * 2.0)).splitlines() == [
        "main(%0: float32[3]) {",
        "  %1: float32[3] = sine %0",
        "  %2: float32[3] = multiply %1 2.0:float32[]*",
        "  return %2",
        "}",
    ]


def test_program_text_with_locations_names_this_file() -> None:
    assert "test_programs.py:" in format_program(program_of(lambda x: sin(x)), locations=True)


def test_equality_ignores_names_of_variables() -> None:
    first, second = program_of(lambda x: sin(x) + x), program_of(lambda y: sin(y) + y)
    assert first == second
    assert hash(first) == hash(second)


def test_equality_sees_primitives_order_and_literals() -> None:
    programs = {program_of(f) for f in (lambda x: sin(x) + x, lambda x: x + sin(x), lambda x: x + 1, lambda x: x + 2)}
    assert len(programs) == 4


@pytest.mark.parametrize(
    "function",
    [
        lambda x: sin(x) * 2.5,
        lambda x: ryft.grad(lambda y: (ryft.jit(tanh)(y) * 2).sum())(x),
        lambda x: ryft.vmap(lambda y: y * np.float32("nan"))(x),
        lambda x: x.reshape(3, 1).T.astype("bfloat16"),
    ],
)
def test_repr_round_trips(function: Callable[..., Any]) -> None:
    program = program_of(function)
    assert evaluate_expression(repr(program)) == program


def test_verify_accepts_what_a_trace_records() -> None:
    program_of(lambda x: ryft.jit(ryft.grad(lambda y: sin(y).sum()))(x)).verify()


def test_verify_refuses_an_undefined_variable() -> None:
    x, y, z = (Variable(VECTOR) for _ in range(3))
    with pytest.raises(
        ProgramError, match=r"equation 0 \(`add`\) of program `main` uses a variable that is not defined"
    ):
        Program([x], [Equation(Add(), (x, y), (z,))], [z]).verify()


def test_verify_refuses_a_second_definition() -> None:
    x = Variable(VECTOR)
    with pytest.raises(ProgramError, match=r"equation 0 \(`sine`\) of program `main` defines a variable a second time"):
        Program([x], [Equation(Sine(), (x,), (x,))], [x]).verify()


def test_verify_refuses_a_wrong_type() -> None:
    x, y = Variable(VECTOR), Variable(VECTOR.with_shape((4,)))
    with pytest.raises(ProgramError, match=r"defines \['float32\[4\]'\], but its type rule gives \['float32\[3\]'\]"):
        Program([x], [Equation(Sine(), (x,), (y,))], [y]).verify()


def test_verify_refuses_an_undefined_result() -> None:
    with pytest.raises(ProgramError, match="returns a variable that is not defined"):
        Program([], [], [Variable(VECTOR)]).verify()


def test_evaluate_refuses_a_wrong_number_of_operands() -> None:
    with pytest.raises(ProgramError, match="program `main` expected 1 operands, but got 2"):
        program_of(sin).evaluate(X, X)


def test_dead_code_is_eliminated() -> None:
    def function(x: Any) -> Any:
        tanh(sin(x))
        return x * 2

    assert names(program_of(function)) == ["sine", "hyperbolic_tangent", "multiply"]
    assert names(simplify(program_of(function))) == names(eliminate_dead_code(program_of(function))) == ["multiply"]


def test_common_subexpressions_are_merged() -> None:
    program = program_of(lambda x: sin(x) * sin(x) + sin(x))
    merged = eliminate_common_subexpressions(program)
    merged.verify()
    assert names(merged) == ["sine", "multiply", "add"]


def test_constants_are_folded() -> None:
    x, a, b = Variable(VECTOR), Variable(ArrayType((), np.dtype("float32"))), Variable(VECTOR)
    two = Literal(np.float32(2))
    program = Program([x], [Equation(Multiply(), (two, two), (a,)), Equation(Add(), (x, a), (b,))], [b])
    folded = fold_constants(program)
    assert names(folded) == ["add"]
    assert folded.equations[0].inputs[1] == Literal(np.float32(4))


def test_calls_are_inlined_at_any_depth() -> None:
    inner = ryft.jit(lambda x: sin(x) + 1)
    program = program_of(ryft.jit(lambda x: inner(inner(x))))
    assert names(program) == ["call"]
    inlined = inline_calls(program)
    inlined.verify()
    assert names(inlined) == ["sine", "add", "sine", "add"]


def test_repeated_calls_stay_one_function_in_the_module() -> None:
    from ryft_core.lowering import lower_program

    inner = ryft.jit(lambda x: sin(x) + 1)
    text = str(lower_program(program_of(lambda x: inner(inner(inner(x))))))
    assert text.count("func.func private") == 1
    assert text.count("call @") == 3


def test_drawings_show_every_equation() -> None:
    program = program_of(lambda x: ryft.jit(sin)(x) * 2.0)
    svg = ElementTree.fromstring(draw_svg(program))
    labels = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "multiply 2.0" in labels
    assert "call {sin}" in labels
    assert draw_html(program).count("<svg") == 2
    assert draw_text(program).splitlines()[0] == "●  input 0  float32[3]"
