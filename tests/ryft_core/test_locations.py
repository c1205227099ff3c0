"""Source locations: which line of the user's code an equation, or an error, belongs to."""

import inspect
from typing import Any

import numpy
import pytest

import ryft_core as ryft
from ryft_core.errors import ShapeError, noted
from ryft_core.programs.locations import SourceLocation, caller_location, hide_frames_of, located
from ryft_core.tracing.tracers import trace_program
from ryft_core.types.array_types import ArrayType
from ryft_mlir.printing import PrintingOptions

F32 = ArrayType((2,), numpy.dtype("float32"))


def line_here() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_an_equation_knows_the_line_and_the_function() -> None:
    lines: list[int] = []

    def function(x: Any) -> list[Any]:
        lines.append(line_here() + 1)
        y = x + 1.0
        lines.append(line_here() + 1)
        return [y * 2.0]

    program, _ = trace_program(function, [F32])
    places = [equation.location for equation in program.equations]
    assert [place.line for place in places if place] == lines
    assert all(place and place.file == __file__ and place.function.endswith("function") for place in places)
    assert str(places[0]) == f"{__file__}:{lines[0]} ({places[0].function})" if places[0] else False


def test_several_operations_of_one_line_have_locations_of_their_own() -> None:
    program, _ = trace_program(lambda x: [x + 1.0, x * 2.0], [F32])
    first, second = [equation.location for equation in program.equations]
    assert first != second
    assert first
    assert second
    assert first.line == second.line


def test_library_frames_are_not_the_users(tmp_path: Any) -> None:
    path = tmp_path / "helper_library.py"
    path.write_text("def twice(x):\n    return x * 2.0\n")
    scope: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)

    def location() -> SourceLocation | None:
        program, _ = trace_program(lambda x: [scope["twice"](x)], [F32])
        return program.equations[0].location

    before = location()
    assert before is not None
    assert before.file == str(path)
    hide_frames_of(str(tmp_path))
    after = location()
    assert after is not None
    assert after.file == __file__


def test_the_caller_of_a_test_is_this_file() -> None:
    place = caller_location(1)
    assert place is not None
    assert place.file == __file__


def test_an_error_is_told_its_place_once() -> None:
    place = caller_location(1)
    error = ShapeError("wrong")
    located(error, "add", None)
    assert not hasattr(error, "__notes__")
    located(error, "add", place)
    located(error, "multiply", place)
    assert len(error.__notes__) == 1
    assert error.__notes__[0].endswith("applied `add`")


def test_a_note_is_added_once() -> None:
    error = noted(noted(ValueError("wrong"), "in `jit`"), "in `jit`")
    assert error.__notes__ == ["in `jit`"]


def test_a_type_error_while_traced_names_file_line_and_function() -> None:
    lines: list[int] = []

    def layer(x: Any) -> Any:
        lines.append(line_here() + 1)
        return x + numpy.ones(3, "float32")

    with pytest.raises(ShapeError, match="axis -1 has sizes 2 and 3") as caught:
        ryft.jit(layer)(numpy.ones(2, "float32"))
    place = next(note for note in caught.value.__notes__ if note.startswith("at "))
    assert place.startswith(f"at {__file__}:{lines[0]}, where `")
    assert place.endswith("layer` applied `add`")


def test_a_rule_that_fails_when_a_program_is_evaluated_names_the_operation() -> None:
    inner = ryft.jit(lambda x: ryft.numpy.sum(x, axis=0))
    program, _ = trace_program(lambda x: [inner(x)], [F32])
    with pytest.raises(ryft.RyftError) as caught:
        program.evaluate(numpy.float32(1))
    assert any(note.startswith(f"at {__file__}:") for note in caught.value.__notes__)


def test_locations_are_in_the_lowered_module() -> None:
    def named(x: Any) -> Any:
        return x * x

    text = ryft.jit(named).lower(numpy.ones(2, "float32")).module.text(PrintingOptions(debug_information=True))
    assert __file__ in text
    assert "named" in text
