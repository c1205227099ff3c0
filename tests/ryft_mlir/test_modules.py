"""Modules, operations, symbols, walks, printing and serialization."""

import sys

import numpy as np
import pytest

from ryft_mlir import (
    Block,
    Context,
    Module,
    Operation,
    OwnershipError,
    ParseError,
    PrintingOptions,
    SerializationError,
    SymbolTable,
    SymbolVisibility,
    Value,
    VerificationError,
    WalkOrder,
    WalkResult,
    stable_hlo_versions,
)
from ryft_mlir.dialects import func, nvgpu
from ryft_mlir.dialects import stable_hlo as hlo
from ryft_mlir.passes import PassManager
from ryft_mlir.versions import smaller_version

TEXT = """module @m attributes {x.a = 1 : i64} {
  func.func private @helper(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.negate %arg0 : tensor<2xf32>
    return %0 : tensor<2xf32>
  }
  func.func @main(%arg0: tensor<2xf32> {x.y = "z"}) -> tensor<2xf32> {
    %0 = call @helper(%arg0) : (tensor<2xf32>) -> tensor<2xf32>
    return %0 : tensor<2xf32>
  }
}"""


def test_building_gives_the_expected_text(context: Context) -> None:
    module = Module.create(context, name="m")
    module.attributes["x.a"] = 1
    kind = context.tensor_type((2,), np.float32)
    helper = func.func(module.body, "helper", [kind], [kind], visibility="private")
    func.return_(helper.entry_block, hlo.negate(helper.entry_block, *helper.entry_block.arguments))
    main = func.func(module.body, "main", [kind], [kind], argument_attributes=[{"x.y": "z"}])
    func.return_(main.entry_block, func.call(main.entry_block, helper, main.entry_block.arguments))
    module.verify()
    assert module.text() == TEXT
    assert module.name == "m"


def test_parsing_and_cloning(context: Context) -> None:
    module = Module.parse(context, TEXT)
    assert module.text() == TEXT
    copy = module.clone()
    copy.symbols.erase("main")
    assert module.text() == TEXT
    assert list(copy.symbols) == ["helper"]
    assert Module.parse(context, module.bytecode()).text() == TEXT
    assert Module.create(context).name is None
    with pytest.raises(ParseError, match=r"cannot parse the module: Dialect `nope' not found"):
        Module.parse(context, "%0 = nope.nope")
    with pytest.raises(ParseError, match=r"cannot parse the operation"):
        Operation.parse(context, "nonsense")
    parsed = Operation.parse(context, "stablehlo.constant dense<1> : tensor<i32>")
    assert parsed.is_detached
    assert parsed.name == "stablehlo.constant"


def test_serialization(context: Context) -> None:
    module = Module.parse(context, TEXT)
    versions = stable_hlo_versions()
    for version in (None, versions.current, "1.0.0"):
        again = Module.from_portable_artifact(context, module.portable_artifact(version))
        assert again.text() == TEXT
    assert module.bytecode(0) != module.bytecode()
    with pytest.raises(SerializationError, match=r"cannot write bytecode of version 99"):
        module.bytecode(99)
    with pytest.raises(SerializationError, match=r"cannot serialize for StableHLO `99.0.0`"):
        module.portable_artifact("99.0.0")
    with pytest.raises(SerializationError, match=r"expected a StableHLO portable artifact"):
        Module.from_portable_artifact(context, b"nonsense")
    with pytest.raises(SerializationError, match=r"expected a StableHLO portable artifact"):
        Module.from_portable_artifact(context, module.bytecode())
    assert smaller_version("1.2.3", versions.current) == "1.2.3"
    with pytest.raises(SerializationError, match=r"expected a version such as `1.13.3`, but got `x`"):
        smaller_version("x", versions.current)


def test_damaged_bytes_are_refused(context: Context) -> None:
    module = Module.parse(context, TEXT)
    bytecode, artifact = module.bytecode(), module.portable_artifact()
    generator = np.random.default_rng(0)
    for data, read in [(bytecode, Module.parse), (artifact, Module.from_portable_artifact)]:
        assert read(context, data, trusted=True).text() == TEXT
        assert read(context, bytearray(data)).text() == TEXT  # type: ignore[arg-type]
        # Bytes that are not text must not get into an exception of the bindings, which cannot hold them.
        damaged = [data[:50] + b"\xff\xfe" + data[52:], data[:-3], data.replace(b"stablehlo.negate", b"\xff" * 16)]
        for _ in range(5):
            copy = bytearray(data)
            copy[generator.integers(40, len(copy))] ^= 0xFF
            damaged.append(bytes(copy))
        refused = 0
        for item in damaged:
            try:
                read(context, item)
            except (ParseError, SerializationError):
                refused += 1
        assert refused >= 3


def test_invalid_modules_are_refused_with_their_operation(context: Context) -> None:
    module = Module.create(context)
    main = func.func(module.body, "main", [], [context.tensor_type((2,), np.float32)])
    func.return_(main.entry_block)
    with pytest.raises(VerificationError, match=r"'func.return' op has 0 operands, but enclosing function"):
        module.verify()
    with pytest.raises(VerificationError, match=r"func.return"):
        module.portable_artifact()


def test_printing_options(context: Context) -> None:
    module = Module.create(context)
    main = func.func(module.body, "main", location=context.file_location("f.py", (1, 2)))
    hlo.constant(main.entry_block, np.arange(20, dtype=np.float32))
    func.return_(main.entry_block)
    print_with = lambda **options: module.text(PrintingOptions(**options))  # noqa: E731
    assert "dense_resource<__elided__>" in print_with(elements_limit=4)
    assert '"stablehlo.constant"()' in print_with(generic_form=True)
    assert 'loc("f.py":1:2)' in print_with(debug_information=True)
    assert "constant" not in print_with(skip_regions=True)
    assert print_with(assume_verified=True, local_scope=True) == module.text()
    hlo.constant(main.entry_block, 1.0)
    with pytest.raises(VerificationError, match=r"is not valid"):
        print_with(assume_verified=True)


def test_attributes_of_operations_are_a_mapping(context: Context) -> None:
    operation = Operation.create(
        context, "stablehlo.constant", attributes={"value": np.float32([1])}, result_types=None
    )
    attributes = operation.attributes
    assert list(attributes) == ["value"]
    attributes["extra"] = [1, "a"]
    assert len(attributes) == 2
    assert attributes["extra"].to_python() == [1, "a"]
    del attributes["extra"]
    with pytest.raises(KeyError, match=r"`stablehlo.constant` has value, but not `extra`"):
        attributes["extra"]
    with pytest.raises(KeyError, match=r"but not `extra`"):
        del attributes["extra"]
    assert "value" in repr(attributes)


def test_structure_of_operations(context: Context) -> None:
    module = Module.parse(context, TEXT)
    helper, main = module.body.operations
    assert isinstance(helper, func.FunctionOperation)
    assert isinstance(main, func.FunctionOperation)
    negate, end = helper.entry_block.operations
    assert negate.parent == helper
    assert helper.parent == module.operation
    assert module.operation.parent is None
    assert module.operation.block is None
    assert negate.is_before(end)
    assert not end.is_before(negate)
    with pytest.raises(OwnershipError, match=r"are not in one block"):
        negate.is_before(helper)
    assert helper.entry_block.terminator == end
    assert module.body.terminator is None
    assert negate.result.operation == negate
    assert helper.entry_block.arguments[0].uses[0].index == 0
    with pytest.raises(OwnershipError, match=r"expected exactly one result, but it has 0"):
        _ = end.result
    with pytest.raises(OwnershipError, match=r"expected the result of an operation, but got an argument"):
        _ = helper.entry_block.arguments[0].operation
    assert helper.visibility is SymbolVisibility.PRIVATE
    assert main.argument_attributes[0]["x.y"].to_python() == "z"
    assert main.result_attributes == ({},)
    assert main.function_type.inputs == (context.tensor_type((2,), np.float32),)
    assert repr(negate).startswith("Operation[%0 = stablehlo.negate")
    assert repr(negate.result) == "Value[%0: tensor<2xf32>]"


def test_walks(context: Context) -> None:
    module = Module.parse(context, TEXT)
    names: list[str] = []

    def note(operation: Operation) -> None:
        names.append(operation.name)

    assert module.walk(note) is WalkResult.ADVANCE
    assert names == [
        "stablehlo.negate",
        "func.return",
        "func.func",
        "func.call",
        "func.return",
        "func.func",
        "builtin.module",
    ]

    def skip(operation: Operation) -> WalkResult:
        names.append(operation.name)
        return WalkResult.SKIP if operation.name == "func.func" else WalkResult.ADVANCE

    names.clear()
    module.walk(skip, WalkOrder.PRE_ORDER)
    assert names == ["builtin.module", "func.func", "func.func"]
    stop = lambda operation: WalkResult.INTERRUPT if operation.name == "func.call" else None  # noqa: E731
    assert module.walk(stop) is WalkResult.INTERRUPT


def test_walks_survive_changes(context: Context) -> None:
    module = Module.parse(context, TEXT)
    module.walk(lambda operation: operation.erase() if operation.name == "func.return" else None)
    module.walk(lambda operation: operation.erase() if operation.name == "func.func" else None, WalkOrder.PRE_ORDER)
    assert len(module.body) == 0


def test_symbol_tables(context: Context) -> None:
    module = Module.parse(context, TEXT)
    symbols = module.symbols
    assert len(symbols) == 2
    assert "main" in symbols
    assert repr(symbols) == "SymbolTable[helper, main]"
    with pytest.raises(KeyError, match=r"expected one of the symbols `helper`, `main`, but got `nope`"):
        symbols["nope"]
    symbols.rename("helper", "aid")
    assert "call @aid" in module.text()
    with pytest.raises(OwnershipError, match=r"cannot rename `aid`, because the symbol `main` exists already"):
        symbols.rename("aid", "main")
    assert symbols.visibility("aid") is SymbolVisibility.PRIVATE
    symbols.set_visibility("aid", "public")
    assert symbols.visibility("aid") is SymbolVisibility.PUBLIC
    assert symbols.insert(symbols["main"].clone()) == "main_0"
    with pytest.raises(OwnershipError, match=r"has no name and cannot be a symbol"):
        symbols.insert(Operation.create(context, "stablehlo.constant", attributes={"value": np.float32([1])}))
    with pytest.raises(OwnershipError, match=r"`func.func` cannot hold symbols"):
        SymbolTable(symbols["main"])


def test_functions(context: Context) -> None:
    module = Module.create(context)
    kind = context.tensor_type((), np.float32)
    external = func.func(module.body, "external", [kind], [kind], visibility="private", declaration=True)
    assert external.is_external
    with pytest.raises(OwnershipError, match=r"function `external` is only declared and has no blocks"):
        _ = external.entry_block
    main = func.func(
        module.body, "main", [kind], [kind], result_attributes=[{"a.b": 1}], attributes={"no_inline": None}
    )
    block = main.entry_block
    pointer = func.constant(block, external)
    (value,) = func.call_indirect(block, pointer, block.arguments)
    (value,) = func.call(block, "external", [value], [kind])
    func.return_(block, value)
    module.verify()
    assert main.result_attributes[0]["a.b"].to_python() == 1
    with pytest.raises(TypeError, match=r"`call` expected `result_types`, because `external` is only a name"):
        func.call(block, "external", [value])
    with pytest.raises(TypeError, match=r"`constant` expected `type`, because `external` is only a name"):
        func.constant(block, "external")
    with pytest.raises(TypeError, match=r"`call_indirect` expected a function, but got `tensor<f32>`"):
        func.call_indirect(block, value, [])
    with pytest.raises(ValueError, match=r"function `f` expected 1 attribute dictionaries, but got 2"):
        func.func(module.body, "f", [kind], argument_attributes=[{"a": 1}, {"b": 2}])


def test_wrong_operands_are_refused(context: Context) -> None:
    module = Module.create(context)
    main = func.func(module.body, "main", [context.tensor_type((2,), np.float32)])
    (x,) = main.entry_block.arguments
    with pytest.raises(TypeError, match=r"`stablehlo.add` expected a `Value` for operand 1, but got `float`"):
        hlo.add(main.entry_block, x, 1.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"`stablehlo.add` expected a `Value` for operand 0, but got `int`"):
        Operation.create(context, "stablehlo.add", operands=[1, x])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"`ComparisonDirection` expected one of EQ, NE, GE, GT, LE, LT, but got 'XX'"):
        hlo.compare(main.entry_block, x, x, "XX")
    with pytest.raises(ValueError, match=r"expected a matrix of 2 columns of integers, but got shape \(3,\)"):
        hlo.collective_permute(main.entry_block, x, [1, 2, 3])
    with pytest.raises(ValueError, match=r"`case` expected at least one branch, but got none"):
        hlo.case(main.entry_block, x, [])


def test_programs_on_which_the_verifier_would_end_the_process_are_refused() -> None:
    context = Context()
    single, token = context.tensor_type((2,), np.float32), hlo.token_type(context)
    scalar = context.tensor_type((), np.float32)

    def sort(block: Block, tensor: Value, ready: Value) -> str:
        raw = Operation.create(
            context,
            "stablehlo.sort",
            operands=[tensor],
            result_types=[single],
            region_count=1,
            attributes={"dimension": 0},
        )
        inner = block.append(raw).regions[0].append_new([scalar, scalar])
        hlo.return_(inner, ready)
        return r"`stablehlo.sort` is not valid: its first region expected to end with one boolean scalar, but got `!sta"

    def loop(block: Block, tensor: Value, ready: Value) -> str:
        operation = Operation.create(context, "stablehlo.while", operands=[ready], result_types=[token], region_count=2)
        for region in block.append(operation).regions:
            inner = region.append_new([token])
            hlo.return_(inner, inner.arguments)
        return r"`stablehlo.while` is not valid: its first region expected to end with one boolean scalar, but got `!st"

    def change(block: Block, tensor: Value, ready: Value) -> str:
        hlo.sort(block, tensor, 0, lambda inner, one, other: hlo.compare(inner, one, other, "LT"))
        end = block.operations[0].regions[0].blocks[0].terminator
        assert end is not None
        end.set_operand(0, ready)
        return r"`stablehlo.sort` is not valid"

    def multiply(block: Block, tensor: Value, ready: Value) -> str:
        types = [context.vector_type(shape, np.float16) for shape in [(4, 2), (2, 2), (2, 2)]]
        inner = func.func(module.body, "g", types).entry_block
        nvgpu.mma_sync(inner, *inner.arguments, [16], types[2])
        func.return_(inner)
        return r"`nvgpu.mma.sync` is not valid: `mmaShape` expected 3 sizes, but got `\[16\]`"

    for make in (sort, loop, change, multiply):
        module = Module.create(context)
        main = func.func(module.body, "main", [single, token])
        message = make(main.entry_block, *main.entry_block.arguments)
        func.return_(main.entry_block)
        for use in (
            module.verify,
            module.bytecode,
            module.clone,
            lambda module=module: module.text(PrintingOptions(assume_verified=True)),
            lambda module=module: PassManager(context, "canonicalize").run(module),
        ):
            with pytest.raises(VerificationError, match=message):
                use()
        # Others that are not valid are printed in this form, too.
        assert module.text() == module.text(PrintingOptions(generic_form=True))
        assert "func.func" in str(module.body)
        assert all("func.func" in operation.text() for operation in module.body)


@pytest.mark.parametrize("order", WalkOrder)
def test_walks_reach_operations_that_are_nested_more_deeply_than_functions_of_python(order: WalkOrder) -> None:
    context = Context(allow_unregistered_dialects=True)
    module = Module.create(context)
    depth = sys.getrecursionlimit() + 100
    tree: Operation | None = None
    for index in range(depth):
        outer = Operation.create(context, "a.b", result_types=[], region_count=1, attributes={"index": index})
        if tree is not None:
            outer.regions[0].append_new().append(tree)
        tree = outer
    assert tree is not None
    module.body.append(tree)
    seen: list[int] = []

    def visit(operation: Operation) -> None:
        if operation.name == "a.b":
            seen.append(operation.attributes["index"].to_python())

    assert module.walk(visit, order) is WalkResult.ADVANCE
    assert seen == (list(range(depth)) if order is WalkOrder.POST_ORDER else list(range(depth))[::-1])
