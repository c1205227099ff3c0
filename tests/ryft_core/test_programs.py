"""Programs: their rules, equality, evaluation, texts, passes and drawings."""

import dataclasses
import pickle
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ryft_core as ryft
from ryft_core.errors import ProgramError
from ryft_core.primitives.arithmetic import Add, Multiply
from ryft_core.primitives.exponential import Sine, sin, tanh
from ryft_core.primitives.linear_algebra import DotGeneral
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
        lambda x: x[np.array([0, 2])],
        lambda x: x.at[np.array([0, 2])].add(1.0),
        lambda x: ryft.lax.conv(x.reshape(1, 1, 3), np.ones((1, 1, 2), "float32"), (1,), "VALID"),
        lambda x: ryft.lax.scan(lambda c, a: (c + a, c * a), 0.0, x)[1],
        lambda x: x.astype("float8_e4m3fn") * np.asarray(3, "float8_e4m3fn"),
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
    with pytest.raises(ProgramError, match="output 0 of program `main` uses a variable that is not defined"):
        Program([], [], [Variable(VECTOR)]).verify()


SCALAR = ArrayType((), np.dtype("float32"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x, y: Program([3], [], []), "input 0 of program `main` expected a variable, but got 3"),  # pyright: ignore[reportArgumentType]
        (lambda x, y: Program([x], [], [3]), "output 0 of program `main` uses 3, which is no variable and no literal"),  # pyright: ignore[reportArgumentType]
        (lambda x, y: Program([x], ["e"], [x]), "equation 0 of program `main` expected a primitive, but got 'e'"),  # pyright: ignore[reportArgumentType]
        (lambda x, y: Program([x], [Equation(Add(), (x,), (y,))], [y]), "expected 2 operand.s., but got 1"),
        (lambda x, y: Program([x], [Equation(Add(), (x, x, x), (y,))], [y]), "expected 2 operand.s., but got 3"),
        (lambda x, y: Program([x], [Equation(Sine(), (), (y,))], [y]), "expected 1 operand.s., but got 0"),
        (lambda x, y: Program([x], [Equation(Sine(), (x,), ())], [x]), r"defines \[\], but its type rule gives"),
        (
            lambda x, y: Program([x], [Equation(Add(), (x, Literal(np.ones(4, "float32"))), (y,))], [y]),
            r"has operands \['float32\[3\]', 'float32\[4\]'\], which its type rule refuses: `add` expected",
        ),
        (
            lambda x, y: Program([x], [Equation(Add(), (x, Literal(np.ones(4, "int32"), VECTOR)), (y,))], [y]),
            r"a literal of type float32\[3\] whose value has shape \(4,\) and element type int32",
        ),
    ],
)
def test_verify_refuses_what_no_trace_records(make: Callable[[Any, Any], Program], message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        make(Variable(VECTOR), Variable(VECTOR)).verify()


def test_a_program_that_breaks_the_rules_can_be_printed_compared_and_refuses_to_run() -> None:
    free = Variable(VECTOR)
    for program in (Program([], [], [free]), Program([], [Equation(Sine(), (free,), (Variable(VECTOR),))], [])):
        assert "Variable(float32[3])" in repr(program)
        assert "float32[3]" in str(program) or "%" in str(program)
        assert hash(program) == hash(program)
        assert program != Program([], [], [Variable(VECTOR)])
        with pytest.raises(ProgramError, match="uses a variable that is not defined before it"):
            program.evaluate()


def test_programs_and_what_they_consist_of_are_immutable() -> None:
    program = program_of(lambda x: sin(x) * np.array([1, 2, 3], "float32"))
    literal = program.equations[1].inputs[1]
    assert isinstance(literal, Literal)
    for thing, name in (
        (program, "inputs"), (program.equations[0], "outputs"), (program.inputs[0], "type"), (literal, "value"),
        (VECTOR, "shape"), (VECTOR, "dtype"),
    ):  # fmt: skip
        with pytest.raises(AttributeError, match=f"cannot assign to `{name}`: .* objects are immutable"):
            setattr(thing, name, None)
        with pytest.raises(AttributeError, match=f"cannot delete `{name}`: .* objects are immutable"):
            delattr(thing, name)
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(literal.value)[0] = 7.0


def test_a_literal_does_not_change_with_the_array_that_it_was_made_of() -> None:
    elements = np.ones(3, "float32")
    assert elements.flags.writeable
    program = program_of(lambda x: x + elements)
    elements[0] = 7.0
    assert np.asarray(program.evaluate(X)[0]).tolist() == (X + 1).tolist()


def test_programs_can_be_pickled() -> None:
    program = program_of(lambda x: ryft.lax.scan(lambda c, a: (c + a, c * a), 0.0, ryft.jit(sin)(x))[1])
    copy = pickle.loads(pickle.dumps(program))
    copy.verify()
    assert copy == program
    np.testing.assert_array_equal(copy.evaluate(X)[0], program.evaluate(X)[0])


def test_evaluate_takes_numbers_and_numpy_arrays() -> None:
    (result,) = program_of(lambda x, y: x * y, VECTOR, SCALAR).evaluate(X, 2.0)
    assert result.tolist() == (X * 2).tolist()


def test_what_depends_on_a_mapped_axis_is_not_folded() -> None:
    programs: list[Program] = []

    def body(x: Any) -> Any:
        programs.append(program_of(lambda y: ryft.lax.psum(np.ones(3, "float32") * np.float32(2), "i") + y))
        return x

    ryft.vmap(body, axis_name="i")(np.ones((4, 3), "float32"))
    folded = fold_constants(programs[0])
    assert "psum" in names(folded)
    mapped = ryft.vmap(lambda x: folded.evaluate(x)[0], axis_name="i")(np.zeros((4, 3), "float32"))
    assert np.asarray(mapped).tolist() == np.full((4, 3), 8.0).tolist()


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


def test_parameters_of_a_primitive_are_given_by_position_or_by_name() -> None:
    product = DotGeneral((1,), (0,), precision="high")

    assert product == DotGeneral(right_contracting=(0,), left_contracting=(1,), precision="high")
    assert hash(product) == hash(DotGeneral((1,), (0,), (), (), "high", None))
    assert product.left_batch == ()


@pytest.mark.parametrize(
    ("values", "named", "got"),
    [
        (((1,),), {}, "1 by position"),
        (((1,), (0,)), {"axis": 1}, "2 by position and axis by name"),
        (((1,), (0,)), {"left_contracting": (1,)}, "2 by position and left_contracting by name"),
        (((1,), (0,), (), (), "high", None, 7), {}, "7 by position"),
    ],
)
def test_wrong_parameters_of_a_primitive_are_refused(values: Any, named: dict[str, Any], got: str) -> None:
    with pytest.raises(TypeError, match=rf"`DotGeneral` expected the parameters \(left_contracting, .*, but got {got}"):
        DotGeneral(*values, **named)


def test_parameters_of_a_primitive_cannot_be_changed() -> None:
    product = DotGeneral((1,), (0,))

    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'precision'"):
        product.precision = "high"  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'precision'"):
        del product.precision
