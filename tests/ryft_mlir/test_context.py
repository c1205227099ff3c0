"""Contexts, locations and diagnostics."""

import sys

import numpy as np
import pytest

from ryft_mlir import (
    BuildError,
    CallSiteLocation,
    Context,
    ContextError,
    Diagnostic,
    DiagnosticSeverity,
    FileLocation,
    FusedLocation,
    Module,
    NameLocation,
    Operation,
    ParseError,
    ThreadPool,
    UnknownLocation,
    VerificationError,
)
from ryft_mlir.dialects import func
from ryft_mlir.dialects import stable_hlo as hlo


def test_dialects_are_registered_and_load_on_demand(context: Context) -> None:
    assert context.is_registered("stablehlo.add")
    assert not context.is_registered("stablehlo.nope")
    for name in (
        "arith",
        "math",
        "scf",
        "cf",
        "memref",
        "tensor",
        "vector",
        "shape",
        "gpu",
        "llvm",
        "nvvm",
        "vhlo",
        "sdy",
    ):
        context.load_dialect(name)
    with pytest.raises(BuildError, match=r"expected the name of a registered dialect, but got `nope`"):
        context.load_dialect("nope")


def test_operations_of_unknown_dialects_are_refused_unless_asked_for() -> None:
    context = Context()
    with pytest.raises(BuildError, match=r"expected the name of a registered dialect, but got `foo`"):
        Operation.create(context, "foo.bar", result_types=[])
    with pytest.raises(BuildError, match=r"expected an operation of the dialect `stablehlo`, but got `stablehlo.nope`"):
        Operation.create(context, "stablehlo.nope", result_types=[])
    assert not context.allows_unregistered_dialects
    context.allows_unregistered_dialects = True
    operation = Operation.create(context, "foo.bar", result_types=[context.index_type()], attributes={"a": 1})
    assert str(operation) == '%0 = "foo.bar"() {a = 1 : i64} : () -> index'


def test_threads() -> None:
    assert Context(multi_threading=False).thread_count == 1
    pool = ThreadPool()
    first, second = Context(thread_pool=pool), Context(thread_pool=pool)
    assert first.thread_count == second.thread_count == pool.thread_count


def test_locations(context: Context) -> None:
    unknown = context.unknown_location()
    assert type(unknown) is UnknownLocation
    place = context.file_location("f.py", (1, 2))
    assert type(place) is FileLocation
    assert (place.file_name, place.start_line, place.start_column) == ("f.py", 1, 2)
    span = context.file_location("f.py", (1, 2), (3, 4))
    assert (span.end_line, span.end_column) == (3, 4)
    named = context.name_location("x", place)
    assert type(named) is NameLocation
    assert (named.name, named.child) == ("x", place)
    assert context.name_location("x").child == unknown
    call = context.call_site_location(place, span, unknown)
    assert type(call) is CallSiteLocation
    assert call.callee == place
    fused = context.fused_location([place, named])
    assert isinstance(fused, FusedLocation)
    assert fused.locations == (place, named)
    assert str(place) == 'loc("f.py":1:2)'
    assert repr(place) == 'FileLocation[loc("f.py":1:2)]'
    assert place == context.file_location("f.py", (1, 2))
    assert hash(place) == hash(context.file_location("f.py", (1, 2)))
    assert place != Context().file_location("f.py", (1, 2))
    assert str(place.attribute) == 'loc("f.py":1:2)'
    with pytest.raises(ValueError, match=r"expected at least one caller, but got none"):
        context.call_site_location(place)
    with pytest.raises(ContextError, match=r"belongs to another context"):
        context.name_location("x", Context().unknown_location())


def test_locations_of_python_frames(context: Context) -> None:
    here = context.python_location()
    assert isinstance(here, NameLocation)
    assert here.name == "test_locations_of_python_frames"
    assert isinstance(here.child, FileLocation)
    assert here.child.file_name == __file__
    assert here.child.start_line == sys._getframe().f_lineno - 5
    nested = context.python_location(depth=2)
    assert isinstance(nested, CallSiteLocation)
    with pytest.raises(ValueError, match=r"`depth` expected at least 1, but got 0"):
        context.python_location(depth=0)


def test_default_location_applies_inside_its_block(context: Context) -> None:
    place = context.file_location("f.py", (7, 1))
    module = Module.create(context)
    with context.default_location(place):
        main = func.func(module.body, "main")
        value = hlo.constant(main.entry_block, 1.0)
    other = hlo.constant(main.entry_block, 1.0, location=context.name_location("given"))
    assert main.location == value.location == place
    assert str(other.location) == 'loc("given")'
    assert hlo.constant(main.entry_block, 1.0).location == context.unknown_location()


def test_errors_carry_diagnostics_with_locations_and_types(context: Context) -> None:
    module = Module.create(context)
    kinds = [context.tensor_type((2,), np.float32), context.tensor_type((3,), np.float32)]
    main = func.func(module.body, "main", kinds)
    place = context.file_location("model.py", (42, 3))
    with pytest.raises(BuildError, match=r"cannot build `stablehlo.concatenate` of .*model.py.:42") as caught:
        hlo.concatenate(main.entry_block, main.entry_block.arguments, 5, location=place)
    (diagnostic,) = [item for item in caught.value.diagnostics if "model.py" in item.location]
    assert diagnostic.severity is DiagnosticSeverity.ERROR
    assert diagnostic.location == 'loc("model.py":42:3)'
    hlo.add(main.entry_block, *main.entry_block.arguments, result_type=kinds[0], location=place)
    func.return_(main.entry_block)
    with pytest.raises(VerificationError, match=r"stablehlo.add.*model.py.:42:3") as caught:
        module.verify()
    assert any("tensor<3xf32>" in note for note in [str(caught.value), *caught.value.__notes__])


def test_handlers_see_diagnostics_newest_first() -> None:
    context = Context()
    seen: list[tuple[str, Diagnostic]] = []

    def first(diagnostic: Diagnostic) -> bool:
        seen.append(("first", diagnostic))
        return True

    def second(diagnostic: Diagnostic) -> bool:
        seen.append(("second", diagnostic))
        return False

    with context.attach_diagnostic_handler(first), context.attach_diagnostic_handler(second) as handler:
        with pytest.raises(ParseError, match=r"expected"):
            Module.parse(context, "func.func @f( {")
        assert handler.is_attached
    assert not handler.is_attached
    handler.detach()
    assert [name for name, _ in seen] == ["second", "first"]
    assert seen[0][1].severity is DiagnosticSeverity.ERROR
    assert str(seen[0][1]).startswith("error: ")
    with pytest.raises(ParseError, match=r"cannot parse the module: .*loc"):
        Module.parse(context, "func.func @f( {")
    assert len(seen) == 2
