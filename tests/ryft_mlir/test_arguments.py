"""What callers hand in by mistake gets an error that says what was expected, and never reaches MLIR."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ryft_mlir import (
    AffineExpression,
    AffineMap,
    Block,
    BuildError,
    Context,
    ContextError,
    DataTypeError,
    IntegerSet,
    Module,
    Operation,
    OwnershipError,
    ParseError,
    PassError,
    PrintingOptions,
    Region,
    SerializationError,
    SymbolTable,
    ThreadPool,
    evaluate,
)
from ryft_mlir.dialects import arith, chlo, func, kinds, shardy
from ryft_mlir.dialects import stable_hlo as hlo
from ryft_mlir.passes import PassManager, PassPrinting, Pattern, apply_patterns, run_passes
from ryft_mlir.versions import smaller_version

C = Context()
OTHER = Context()
OPEN = Context(allow_unregistered_dialects=True)
D0 = AffineExpression.dimension(C, 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: C.tensor_type((2**63,), np.float32), ValueError, r"a shape expected an integer from"),
        (lambda: C.tensor_type((1.5,), np.float32), TypeError, r"a shape expected an integer, but got 1.5"),
        (lambda: C.tensor_type(3, np.float32), TypeError, r"a shape expected a sequence of sizes, but got 3"),
        (lambda: C.tensor_type((3,), None), DataTypeError, r"expected a data type that MLIR has, but got `None`"),
        (lambda: C.tensor_type((3,), np.float32, "a"), TypeError, r"expected an attribute, but got 'a'"),
        (lambda: C.tensor_type((3,), np.float32, OTHER.unit_attribute()), ContextError, r"`unit` belongs to another"),
        (lambda: C.vector_type((None,), np.float32), TypeError, r"the shape of a vector expected an integer"),
        (lambda: C.vector_type((2,), np.float32, scalable=3), TypeError, r"`scalable` expected a sequence of booleans"),
        (lambda: C.memref_type((2,), np.float32, layout=C.string_attribute("a")), TypeError, r"or strided layout, but"),
        (lambda: C.tuple_type([1]), TypeError, r"expected a type, but got 1"),
        (lambda: C.integer_type(1.5), TypeError, r"an integer type expected an integer, but got 1.5"),
        (lambda: OPEN.opaque_type("", "a"), ValueError, r"expected the name of a dialect, but got ''"),
        (lambda: C.parse_type(5), TypeError, r"a type expected a string, but got 5"),
        (lambda: C.parse_type("\ud800"), ValueError, r"expected text that can be written as UTF-8"),
        (lambda: C.integer_attribute(1.5), TypeError, r"an integer attribute expected an integer, but got 1.5"),
        (lambda: C.float_attribute("a"), TypeError, r"a floating-point attribute expected a number, but got 'a'"),
        (lambda: C.string_attribute(5), TypeError, r"a string attribute expected a string, but got 5"),
        (lambda: C.type_attribute(5), TypeError, r"expected a type, but got 5"),
        (lambda: C.location_attribute(5), TypeError, r"expected a location, but got 5"),
        (lambda: C.dictionary_attribute({5: 1}), TypeError, r"the name of an attribute expected a string, but got 5"),
        (lambda: C.dictionary_attribute([1]), TypeError, r"MLIR expected attributes by name, but got \[1\]"),
        (lambda: C.array_attribute("ab"), TypeError, r"an array attribute expected a sequence of values, but got 'ab'"),
        (lambda: C.symbol_reference_attribute(""), ValueError, r"a reference to a symbol expected a name, but got ''"),
        (lambda: C.resource_elements_attribute([1]), TypeError, r"a resource expected a NumPy array, but got \[1\]"),
        (lambda: OPEN.opaque_attribute("a", "b"), TypeError, r"an opaque attribute expected bytes, but got 'b'"),
        (lambda: OPEN.opaque_attribute("", b"b"), ValueError, r"expected the name of a dialect, but got ''"),
        (lambda: C.strided_layout_attribute([2**70]), ValueError, r"a strided layout expected an integer from"),
        (lambda: C.affine_map_attribute(D0), TypeError, r"expected an affine map, but got AffineExpression"),
        (lambda: D0 + "a", TypeError, r"expected an affine expression, but got 'a'"),
        (lambda: D0 % AffineExpression.constant(C, 0), ZeroDivisionError, r"cannot divide `d0` by zero"),
        (lambda: AffineMap.create(C, 0, 0, [D0]), ValueError, r"expected 0 dimensions and 0 symbols, but got `d0`"),
        (lambda: AffineMap.create(C, -1, 0, []), ValueError, r"from 0 to 10000, but got -1"),
        (lambda: AffineMap.identity(C, 10**9), ValueError, r"from 0 to 10000, but got 1000000000"),
        (lambda: IntegerSet.create(C, -1, 0, [(D0, True)]), ValueError, r"from 0 to 10000, but got -1"),
        (lambda: IntegerSet.create(C, 1, 0, [5]), TypeError, r"expected pairs of an expression and a flag, but got 5"),
        (lambda: C.file_location("f", (-1, 0)), ValueError, r"a line expected an integer from 0"),
        (lambda: C.file_location("f", (1,)), TypeError, r"expected a line and a column, but got \(1,\)"),
        (lambda: C.name_location(5), TypeError, r"a name location expected a string, but got 5"),
        (lambda: C.fused_location([C.unknown_location()], OTHER.unit_attribute()), ContextError, r"another context"),
        (lambda: C.python_location(5), TypeError, r"`frame` expected a frame, but got 5"),
        (lambda: C.attach_diagnostic_handler(5), TypeError, r"expected a function as a handler of diagnostics"),
        (lambda: Context(thread_pool=5), TypeError, r"`thread_pool` expected a `ThreadPool`, but got 5"),
        (lambda: shardy.mesh_attribute(C, ["x"]), TypeError, r"a mesh expected the size of each axis by name"),
        (lambda: shardy.axis_reference(C, "x", (1,)), ValueError, r"`sub_axis` expected two sizes, but got \[1\]"),
        (lambda: shardy.sharding_per_value(C, [C.unit_attribute()]), TypeError, r"kind `TensorSharding`, but got"),
        (lambda: shardy.dimension_sharding(C, [C.unit_attribute()]), TypeError, r"kind `AxisRef`, but got `unit`"),
        (lambda: hlo.dot_dimensions(C, lhs_batching=["a"]), TypeError, r"`dot_dimensions` expected an integer"),
        (lambda: hlo.type_extensions(C, [2**70]), ValueError, r"`type_extensions` expected an integer from 0"),
    ],
)
def test_wrong_arguments_are_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        call()
    assert "incompatible function arguments" not in str(caught.value)


def test_brackets_nested_too_deeply_are_refused() -> None:
    for parse in (C.parse_attribute, C.parse_type, lambda text: Module.parse(C, text)):
        with pytest.raises(ParseError, match=r"expected brackets nested at most 1000 deep, but got 100000"):
            parse("[" * 100_000)
    assert len(C.parse_attribute("[" * 900 + "]" * 900)) == 1
    many = ", ".join(["() -> (f32)"] * 2000)
    assert str(C.parse_attribute(f"[{many}]")).count("->") == 2000
    assert len(C.parse_attribute(f'["{"(" * 5000}"]')) == 1


def test_constants_do_not_change_numbers() -> None:
    small = C.tensor_type((2,), np.int8)
    for values, kind, bad in [
        (2**31, None, "2147483648"),
        ([2**40, 1], None, "1099511627776"),
        ([1, 300], small, "300"),
        (-1, C.tensor_type((2,), np.uint8), "-1"),
        ([1.5, 2], small, "1.5"),
        (float("nan"), small, "nan"),
        ([1j, 2], C.tensor_type((2,), np.float32), "1j"),
        (np.array([2**63, 1], np.uint64), C.tensor_type((2,), np.int64), "9223372036854775808"),
    ]:
        with pytest.raises(ValueError, match=rf"expected numbers that fit, but got \(?.*{bad}"):
            C.elements_attribute(values, kind)
    with pytest.raises(DataTypeError, match=r"expected numbers, but got elements of `<U1`"):
        C.elements_attribute(["a", "b"], small)
    assert C.elements_attribute([2.0, -3.0], small).to_numpy().tolist() == [2, -3]
    assert C.elements_attribute([1e300], C.tensor_type((1,), np.float32)).to_numpy().tolist() == [np.inf]
    assert str(C.dense_array_attribute([1, 2], np.int8)) == "array<i8: 1, 2>"
    with pytest.raises(ValueError, match=r"a dense array expected numbers that fit, but got 1.5"):
        C.dense_array_attribute([1.5], np.int32)


def test_integers_wider_than_64_bits_keep_their_value() -> None:
    wide = C.integer_type(128)
    for value in (2**100, -(2**100), 2**126, -1):
        assert C.integer_attribute(value, wide).value == value
    assert C.integer_attribute(2**127, C.unsigned_integer_type(128)).value == 2**127
    assert C.integer_attribute(1, np.bool_).value == 1


def test_builders_refuse_what_is_no_block_and_no_location() -> None:
    module = Module.create(C)
    main = func.func(module.body, "main", [C.tensor_type((2,), np.float32)])
    (x,) = main.entry_block.arguments
    with pytest.raises(TypeError, match=r"`stablehlo.add` expected a `Block` to append to, but got `Value`") as caught:
        hlo.add(x, x, x)  # type: ignore[arg-type]
    assert "entry_block" in caught.value.__notes__[0]
    with pytest.raises(TypeError, match=r"`func.func` expected a `Block` to append to, but got `Module`"):
        func.func(module, "f")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected a location, but got 5"):
        hlo.add(main.entry_block, x, x, location=5)  # type: ignore[arg-type]
    with pytest.raises(ContextError, match=r"location `loc\(unknown\)` belongs to another context"):
        hlo.add(main.entry_block, x, x, location=OTHER.unknown_location())
    with pytest.raises(TypeError, match=r"`stablehlo.after_all` expected a sequence of operands, but got Value"):
        hlo.after_all(main.entry_block, x)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"`stablehlo.if` expected a function or a region as a body, but got 3"):
        hlo.if_(main.entry_block, x, 3, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a body expected a sequence of values, but got 3"):
        hlo.reduce(main.entry_block, x, x, [0], lambda block, *_: 3, result_types=[x.type])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a list of integers expected an integer, but got 0.5"):
        hlo.transpose(main.entry_block, x, [0.5])  # type: ignore[list-item]
    assert len(main.entry_block) == 0


@pytest.mark.parametrize("kind", ["vector<4xf32>", "tensor<*xf32>", "!stablehlo.token", "memref<4xf32>", "f32"])
def test_types_are_not_inferred_from_operands_that_would_end_the_process(kind: str) -> None:
    block = func.func(Module.create(C).body, "main", [C.parse_type(kind)]).entry_block
    (x,) = block.arguments
    for build in (
        lambda: hlo.compare(block, x, x, "EQ"),
        lambda: hlo.transpose(block, x, [0]),
        lambda: hlo.pad(block, x, x, [0], [0], [0]),
        lambda: hlo.batch_norm_training(block, x, x, x, epsilon=1.0, feature_index=0),
        lambda: hlo.broadcast(block, x, [2]),
        lambda: hlo.rng(block, x, x, x, "UNIFORM"),
        lambda: hlo.concatenate(block, [x, x], 0),
        lambda: Operation.create(C, "stablehlo.fft", operands=[x], attributes={"fft_length": [1]}),
    ):
        with pytest.raises(BuildError, match=r"cannot build `stablehlo\..*(operand #0 must be|attribute)"):
            build()
    with pytest.raises(BuildError, match=r"`stablehlo.concatenate` expected at least one operand, but got none"):
        hlo.concatenate(block, [], 0)
    with pytest.raises(BuildError, match=r"`stablehlo.reduce` expected as many initial values as inputs, but got 1"):
        hlo.reduce(block, x, [], [0], lambda inner, *values: values)


def test_negative_broadcast_dimensions_are_refused() -> None:
    block = func.func(Module.create(C).body, "main", [C.tensor_type((3,), np.float32)] * 2).entry_block
    for dimensions in ([-1], C.dense_array_attribute([-1])):
        with pytest.raises(ValueError, match=r"`broadcast_dimensions` expected an integer from 0 to .*, but got -1"):
            chlo.broadcast_add(block, *block.arguments, broadcast_dimensions=dimensions)


def test_inference_is_checked_without_telling_handlers_of_diagnostics() -> None:
    context = Context()
    seen: list[object] = []
    block = func.func(Module.create(context).body, "main", [context.tensor_type((2,), np.float32)]).entry_block
    with context.attach_diagnostic_handler(seen.append):
        assert str(hlo.reverse(block, *block.arguments, [0]).type) == "tensor<2xf32>"
        assert not seen
        with pytest.raises(BuildError, match=r"split_count"):
            hlo.all_to_all(block, block.arguments[0], 0, 0, 0, [[0]])
    assert not seen


def test_condition_of_a_loop_must_be_one_tensor() -> None:
    block = func.func(Module.create(C).body, "main", [hlo.token_type(C)]).entry_block
    (token,) = block.arguments
    for decision in (token, None, [token]):
        with pytest.raises(BuildError, match=r"the condition of `stablehlo.while` expected one boolean scalar"):
            hlo.while_(block, [token], lambda inner, value, decision=decision: decision, lambda inner, value: value)
    with pytest.raises(TypeError, match=r"`stablehlo.while` expected a function or a region as a body, but got 3"):
        hlo.while_(block, [token], 3, lambda inner, value: value)  # type: ignore[arg-type]
    with pytest.raises(BuildError, match=r"`stablehlo.all_to_all` expected at least one operand, but got none"):
        hlo.all_to_all(block, [], 0, 0, 1, [[0]])


def test_values_that_are_no_tensors_cannot_leave_a_body() -> None:
    block = func.func(Module.create(C).body, "main", [C.element_type(np.bool_)]).entry_block
    (flag,) = block.arguments
    with pytest.raises(BuildError, match=r"`stablehlo.return` expected ranked tensors, but got \(i1\)"):
        hlo.case(block, flag, [lambda inner: flag])


TEXT = """func.func @main(%a: tensor<2xf32>) -> tensor<2xf32> {
  %0 = stablehlo.add %a, %a : tensor<2xf32>
  return %0 : tensor<2xf32>
}"""


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, o, b, x: m.portable_artifact("99999999999999999999.0.0"), SerializationError, r"a version such as"),
        (lambda m, o, b, x: m.portable_artifact("1"), SerializationError, r"a version such as `1.13.3`, but got `1`"),
        (lambda m, o, b, x: smaller_version("1.0.0", "9" * 30 + ".0.0"), SerializationError, r"a version such as"),
        (lambda m, o, b, x: m.bytecode(1.5), TypeError, r"a version of bytecode expected an integer, but got 1.5"),
        (lambda m, o, b, x: m.text(5), TypeError, r"the printer expected `PrintingOptions`, but got 5"),
        (lambda m, o, b, x: m.text(PrintingOptions(elements_limit=-1)), ValueError, r"`elements_limit` expected"),
        (lambda m, o, b, x: m.walk(5), TypeError, r"a walk expected a function, but got 5"),
        (lambda m, o, b, x: m.symbols.rename("main", ""), ValueError, r"a symbol expected a name, but got ''"),
        (lambda m, o, b, x: m.symbols.insert(5), TypeError, r"expected an operation, but got 5"),
        (lambda m, o, b, x: SymbolTable(5), TypeError, r"a symbol table expected a module or an operation, but got 5"),
        (lambda m, o, b, x: Module.create(C, name=""), ValueError, r"a symbol expected a name, but got ''"),
        (lambda m, o, b, x: Module.parse(C, 5), TypeError, r"a module expected text or bytes, but got 5"),
        (lambda m, o, b, x: Operation.parse(C, b"a"), TypeError, r"an operation expected a string, but got b'a'"),
        (lambda m, o, b, x: o.set_operand(0, 5), TypeError, r"expected a value, but got 5"),
        (lambda m, o, b, x: o.set_operand("a", x), TypeError, r"the position of an operand expected an integer"),
        (lambda m, o, b, x: o.move_before(5), TypeError, r"expected an operation to move beside, but got 5"),
        (lambda m, o, b, x: o.is_before(5), TypeError, r"expected an operation to compare with, but got 5"),
        (lambda m, o, b, x: o.attributes[5], TypeError, r"the name of an attribute expected a string, but got 5"),
        (lambda m, o, b, x: o.attributes.__setitem__("", 1), ValueError, r"the name of an attribute expected a text"),
        (
            lambda m, o, b, x: Operation.create(C, "stablehlo.add", operands=[x], region_count=-1),
            ValueError,
            r"regions",
        ),
        (lambda m, o, b, x: b.append(x), TypeError, r"expected an operation, but got Value\["),
        (lambda m, o, b, x: b.insert("a", o), TypeError, r"the position in a block expected an integer, but got 'a'"),
        (lambda m, o, b, x: Region.create(C, [5]), TypeError, r"expected a block, but got 5"),
        (lambda m, o, b, x: x.replace_all_uses_with(5), TypeError, r"expected a value, but got 5"),
        (
            lambda m, o, b, x: x.replace_all_uses_with(o.result, except_for=5),
            TypeError,
            r"`except_for` expected a sequence",
        ),
        (lambda m, o, b, x: x.set_type(5), TypeError, r"expected a type, but got 5"),
        (lambda m, o, b, x: evaluate(5), TypeError, r"`evaluate` expected a module, but got 5"),
        (lambda m, o, b, x: evaluate(m, 5), TypeError, r"`evaluate` expected a sequence of arrays, but got 5"),
        (lambda m, o, b, x: evaluate(m, [[1j, 2]]), ValueError, r"argument 0 of `main` expected numbers that fit"),
        (lambda m, o, b, x: evaluate(m, [["a", "b"]]), DataTypeError, r"argument 0 of `main` expected numbers"),
        (lambda m, o, b, x: PassManager(5), TypeError, r"a pass manager expected a context, but got 5"),
        (lambda m, o, b, x: PassManager(C, anchor=5), TypeError, r"`anchor` expected a string, but got 5"),
        (lambda m, o, b, x: PassManager(C, printing=5), TypeError, r"`printing` expected `PassPrinting`, but got 5"),
        (lambda m, o, b, x: PassManager(C).add_function(5), TypeError, r"a pass expected a function, but got 5"),
        (lambda m, o, b, x: PassManager(C, "any(" * 2000), ParseError, r"nested at most 1000 deep, but got 2000"),
        (lambda m, o, b, x: run_passes(5), TypeError, r"expected a module or an operation, but got 5"),
        (lambda m, o, b, x: apply_patterns(m, [5]), TypeError, r"expected a pattern, but got 5"),
        (lambda m, o, b, x: apply_patterns(m, [Pattern("a.b", 5)]), TypeError, r"a pattern expected a function"),
        (lambda m, o, b, x: apply_patterns(m, [], max_iterations=-1), ValueError, r"`max_iterations` expected"),
        (lambda m, o, b, x: apply_patterns(m, [Pattern("a.b", bool, -1)]), ValueError, r"the benefit of a pattern"),
    ],
)
def test_wrong_arguments_of_methods_are_refused(call: Callable[..., Any], error: type[Exception], message: str) -> None:
    module = Module.parse(C, TEXT)
    block = module.symbols["main"].regions[0].blocks[0]
    with pytest.raises(error, match=message):
        call(module, block.operations[0], block, block.arguments[0])
    assert Module.parse(C, TEXT).text() == module.text()


def test_symbol_tables_of_modules_without_a_block_are_refused() -> None:
    for count in (0, 1):
        empty = Operation.create(C, "builtin.module", result_types=[], region_count=count)
        with pytest.raises(OwnershipError, match=r"`builtin.module` cannot hold symbols"):
            SymbolTable(empty)


def test_attributes_that_do_not_fit_are_refused_and_change_nothing() -> None:
    module = Module.parse(C, TEXT)
    main = module.symbols["main"]
    before = module.text()
    with pytest.raises(BuildError, match=r"`func.func` takes no `5 : i64` for `sym_name`"):
        main.attributes["sym_name"] = 5
    assert module.text() == before
    assert 5 not in main.attributes


def test_running_pass_manager_can_be_neither_changed_nor_run() -> None:
    module = Module.parse(C, TEXT)
    for misuse in (lambda manager: manager.run(module), lambda manager: manager.add("cse")):
        manager = PassManager(C)
        manager.add_function(lambda operation, manager=manager, misuse=misuse: misuse(manager))
        with pytest.raises(PassError, match=r"the pass manager is running and can be neither changed nor run again"):
            manager.run(module)


def test_shared_thread_pool_survives_passes_in_python() -> None:
    pool = ThreadPool()
    context = Context(thread_pool=pool)
    manager = PassManager(context, printing=PassPrinting(after_all=False))
    manager.add_function(lambda operation: None)
    manager.run(Module.parse(context, TEXT))
    assert context.thread_count == pool.thread_count
    with context.one_thread():
        assert context.thread_count == 1


@pytest.mark.parametrize("wrong", [5, None, "x"])
def test_factories_refuse_what_is_no_context(wrong: Any) -> None:
    factories: dict[str, Callable[[], object]] = {
        "Module.create": lambda: Module.create(wrong),
        "Module.parse": lambda: Module.parse(wrong, ""),
        "Module.from_portable_artifact": lambda: Module.from_portable_artifact(wrong, b""),
        "Operation.create": lambda: Operation.create(wrong, "a.b"),
        "Operation.parse": lambda: Operation.parse(wrong, "a.b"),
        "Block.create": lambda: Block.create(wrong),
        "Region.create": lambda: Region.create(wrong),
        "token_type": lambda: hlo.token_type(wrong),
        "dot_dimensions": lambda: hlo.dot_dimensions(wrong),
        "type_extensions": lambda: hlo.type_extensions(wrong, [1]),
        "mesh_attribute": lambda: shardy.mesh_attribute(wrong, {"x": 2}),
        "list_of_axes": lambda: shardy.list_of_axes(wrong, [["x"]]),
        "ragged_dot_dimensions": lambda: chlo.ragged_dot_dimensions(wrong, lhs_ragged=[0]),
        "llvm_pointer_type": lambda: kinds.llvm_pointer_type(wrong),
    }
    for name, factory in factories.items():
        with pytest.raises(TypeError, match=rf"`{name}` expected a `Context`, but got {wrong!r}"):
            factory()


def test_builders_refuse_what_is_no_block_before_they_look_at_other_arguments() -> None:
    wrong: Any = 5
    for build in (
        lambda: hlo.constant(wrong, 1),
        lambda: shardy.sharding_group(wrong, wrong, 1),
        lambda: arith.constant(wrong, wrong),
    ):
        with pytest.raises(TypeError, match=r"a builder expected a `Block` to append to, but got `int`"):
            build()


def test_wrong_members_of_enumerations_are_refused_with_the_right_ones() -> None:
    wrong: Any = "nope"
    module = Module.create(C)
    function = func.func(module.body, "f")
    assert isinstance(function, func.FunctionOperation)
    function.attributes["sym_visibility"] = wrong
    for use in (
        lambda: function.visibility,
        lambda: func.func(module.body, "g", visibility=wrong),
        lambda: module.symbols.set_visibility("f", wrong),
    ):
        with pytest.raises(ValueError, match=r"`SymbolVisibility` expected one of public, private, nested, but got"):
            use()
    with pytest.raises(ValueError, match=r"`ResultAccuracyMode` expected one of DEFAULT, HIGHEST, TOLERANCE, but got"):
        hlo.result_accuracy(C, "nope")
    with pytest.raises(ValueError, match=r"`ChannelType` expected one of 0, 1, 2, 3, but got 9"):
        hlo.channel_handle(C, 1, 9)
    block = Block.create(C, [C.tensor_type((2,), np.float32)])
    (x,) = block.arguments
    with pytest.raises(ValueError, match=r"`ComparisonDirection` expected one of EQ, .*, but got 'nope'"):
        chlo.broadcast_compare(block, x, x, "nope")


def test_builders_refuse_what_is_no_sequence() -> None:
    kind = C.tensor_type((2,), np.float32)
    block = Block.create(C, [kind])
    (x,) = block.arguments
    five: Any = 5
    letters: Any = [["a"]]
    cases: dict[str, Callable[[], object]] = {
        r"`map` expected a sequence of values": lambda: hlo.map(block, five, [0], lambda _, a: a),
        r"`reduce` expected a sequence of values": lambda: hlo.reduce(block, five, x, [0], lambda _, a, b: a),
        r"`sort` expected a sequence of values": lambda: hlo.sort(block, five, 0, lambda _, a, b: a),
        r"`case` expected a sequence of branches": lambda: hlo.case(block, x, five),
        r"`slice` expected a sequence of integers": lambda: hlo.slice(block, x, five, [1]),
        r"`dynamic_slice` expected a sequence of values": lambda: hlo.dynamic_slice(block, x, five, [1]),
        r"the groups of replicas expected a sequence": lambda: hlo.all_gather(block, x, 0, five, kind),
        r"a product expected a sequence of precisions": lambda: hlo.dot(block, x, x, kind, precision=five),
        r"`infeed` expected a sequence of types": lambda: hlo.infeed(block, x, five),
        r"a layout expected an integer": lambda: hlo.custom_call(block, [x], "f", [kind], operand_layouts=letters),
    }
    for message, build in cases.items():
        with pytest.raises(TypeError, match=message):
            build()
    with pytest.raises(BuildError, match=r"`stablehlo.map` expected at least one operand, but got none"):
        hlo.map(block, [], [0], lambda _: x)
    with pytest.raises(BuildError, match=r"`stablehlo.all_reduce` expected at least one operand, but got none"):
        hlo.all_reduce(block, [], [[0]], lambda _, a, b: a)


def test_bodies_that_decide_must_return_one_tensor() -> None:
    token = hlo.token_type(C)
    block = Block.create(C, [C.tensor_type((2,), np.float32), token, C.tensor_type((), np.float32)])
    x, ready, start = block.arguments
    with pytest.raises(BuildError, match=r"the comparator of `stablehlo.sort` expected one boolean scalar"):
        hlo.sort(block, x, 0, lambda _, a, b: ready)
    with pytest.raises(BuildError, match=r"the condition of `stablehlo.while` expected one boolean scalar"):
        hlo.while_(block, [ready], lambda _, a: a, lambda _, a: a)
    with pytest.raises(BuildError, match=r"the selection of `stablehlo.select_and_scatter` expected one boolean"):
        hlo.select_and_scatter(block, x, x, start, lambda _, a, b: (a, b), lambda _, a, b: a)
    inner = Block.create(C, [C.tensor_type((), np.float32)] * 2)
    hlo.return_(inner, hlo.create_token(inner))
    with pytest.raises(BuildError, match=r"the comparator of `stablehlo.sort` expected one boolean scalar"):
        hlo.sort(block, x, 0, inner.region)
