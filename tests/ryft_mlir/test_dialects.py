"""The dialects besides StableHLO: written by hand, and generated from the bindings."""

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ryft_mlir import Block, BuildError, Context, ContextError, Module, Value
from ryft_mlir.dialects import (
    arith,
    builtin,
    cf,
    chlo,
    chlo_broadcasting,
    func,
    gpu,
    kinds,
    llvm,
    math,
    memref,
    mhlo,
    mpmd,
    nvvm,
    scf,
    scf_operations,
    shardy,
    vector,
)
from ryft_mlir.dialects._generic import generic
from ryft_mlir.passes import chlo_legalize_to_stable_hlo, run_passes
from ryft_xla_sys.mlir import dialect

GENERATED = {
    "arith": "arith",
    "cf": "cf",
    "gpu": "gpu",
    "llvm": "llvm",
    "math": "math",
    "memref": "memref",
    "mhlo": "mhlo",
    "mpmd": "mpmd",
    "nvgpu": "nvgpu",
    "nvvm": "nvvm",
    "scf": "scf_operations",
    "sdy": "shardy_operations",
    "sparse_tensor": "sparse_tensor",
    "vector": "vector",
}
GENERATOR = Path(__file__).parents[2] / "packages" / "ryft-mlir" / "tools"


def operation_names(name: str) -> set[str]:
    members = vars(dialect(name)).values()
    names = {getattr(member, "OPERATION_NAME", None) for member in members if inspect.isclass(member)}
    return {item for item in names if isinstance(item, str) and item.startswith(f"{name}.")}


@pytest.mark.parametrize("name", GENERATED)
def test_every_operation_of_the_bindings_has_a_builder(name: str) -> None:
    source = inspect.getsource(importlib.import_module(f"ryft_mlir.dialects.{GENERATED[name]}"))
    missing = {item for item in operation_names(name) if f'"{item}"' not in source}
    assert not missing


@pytest.mark.parametrize("name", GENERATED)
def test_generated_builders_have_documented_parameters(name: str) -> None:
    module = importlib.import_module(f"ryft_mlir.dialects.{GENERATED[name]}")
    for item in module.__all__:
        function = getattr(module, item)
        if inspect.isclass(function):
            continue
        for parameter in inspect.signature(function).parameters:
            assert f"{parameter}:" in (function.__doc__ or ""), (item, parameter)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_modules_are_up_to_date(name: str) -> None:
    script = f"import generate_dialects as g; g.refuse_wrong_summaries([{name!r}]); print(g.generate({name!r}))"
    result = subprocess.run([sys.executable, "-c", script], cwd=GENERATOR, capture_output=True, text=True, check=True)
    path = GENERATOR.parent / "src" / "ryft_mlir" / "dialects" / f"{GENERATED[name]}.py"

    def squeeze(text: str) -> str:
        return re.sub(r",([)}\]])", r"\1", "".join(text.split()))

    assert squeeze(result.stdout) == squeeze(path.read_text())


def kinds_of_choices(name: str) -> set[tuple[str, str]]:
    """Returns the kinds of attributes of a generated module that are enumerations, with their classes."""
    source = inspect.getsource(importlib.import_module(f"ryft_mlir.dialects.{GENERATED[name]}"))
    return set(re.findall(r'\("(\w+)", (\w+), \w+\)', source))


# The bindings have the operations of `sparse_tensor`, but not the dialect.
@pytest.mark.parametrize("name", [name for name in GENERATED if name != "sparse_tensor" and kinds_of_choices(name)])
def test_every_member_of_an_enumeration_makes_an_attribute_of_its_kind(name: str) -> None:
    module = importlib.import_module(f"ryft_mlir.dialects.{GENERATED[name]}")
    context = Context(allow_unregistered_dialects=True)
    context.load_dialect("arith")
    block = Block.create(context)
    for kind, enumeration in kinds_of_choices(name):
        for member in getattr(module, enumeration):
            attributes = {"choice": (kind, type(member), member)}
            operation = generic(block, f"{name}.probe", (), attributes=attributes, result_types=())
            assert operation.attributes["choice"].context is context


def test_builders_load_their_dialect_also_where_unknown_ones_are_allowed() -> None:
    context = Context(allow_unregistered_dialects=True)
    block = Block.create(context, [context.element_type(np.float32)])
    math.exp(block, *block.arguments)
    assert context.is_registered("math.exp")
    generic(block, "unknown.operation", block.arguments, result_types=())
    assert str(block.operations[-1]) == '"unknown.operation"(%arg0) : (f32) -> ()'


def test_builders_take_the_enumeration_of_their_attribute(context: Context) -> None:
    block = Block.create(context, [context.element_type(np.int32), context.element_type(np.float32)])
    count, number = block.arguments
    kind = context.parse_type("!llvm.func<void ()>")
    nvvm.barrier(block, [], reduction_op=nvvm.BarrierReduction.AND)
    assert "reductionOp = #nvvm.reduction<and>" in str(block.operations[-1])
    gpu.thread_id(block, gpu.Dimension.Y)
    assert "dimension = #gpu<dim y>" in str(block.operations[-1])
    arith.addi(block, count, count, overflow_flags="nsw")
    assert "#arith.overflow<nsw>" in str(block.operations[-1])
    math.exp(block, number, fastmath=arith.FastMathFlags.CONTRACT)
    assert "#arith.fastmath<contract>" in str(block.operations[-1])
    text = str(llvm.func(block, "f", kind, linkage=llvm.Linkage.INTERNAL, c_conv="fastcc", frame_pointer="non-leaf"))
    for part in ("#llvm.linkage<internal>", "#llvm.cconv<fastcc>", '#llvm.framePointerKind<"non-leaf">'):
        assert part in text
    with pytest.raises(ValueError, match=r"`gpu.thread_id` expected one of x, y, z, but got 'f16'"):
        gpu.thread_id(block, "f16")


def test_attributes_of_another_kind_are_refused(context: Context) -> None:
    block = Block.create(context, [context.parse_type("!llvm.ptr")])
    (pointer,) = block.arguments
    kind = context.parse_type("!llvm.func<void ()>")
    convention = context.parse_attribute("#llvm.cconv<fastcc>")
    with pytest.raises(BuildError, match=r"such as `#llvm.linkage<external>` for `linkage`, but got `#llvm.cconv<fast"):
        llvm.func(block, "f", kind, linkage=convention)
    with pytest.raises(BuildError, match=r"`llvm.fence` expected an attribute such as `0 : i64` .* but got `4 : i32`"):
        llvm.fence(block, context.integer_attribute(4, context.integer_type(32)))
    with pytest.raises(BuildError, match=r"an attribute of `llvm` for `loop_annotation`, but got `\"x\"`"):
        llvm.br(block, [], block, loop_annotation="x")
    with pytest.raises(BuildError, match=r"an attribute of `llvm` for `access_groups`, but got `\[1\]`"):
        llvm.load(block, pointer, pointer.type, access_groups=[1])
    group = context.parse_attribute("#llvm.access_group<id = distinct[0]<>>")
    llvm.load(block, pointer, pointer.type, access_groups=[group])
    assert "access_groups = [#llvm.access_group" in str(block.operations[-1])
    foreign = Context().parse_attribute("#arith.fastmath<contract>")
    number = Block.create(context, [context.element_type(np.float32)])
    with pytest.raises(ContextError, match=r"`#arith.fastmath<contract>` belongs to another context"):
        math.exp(number, *number.arguments, fastmath=foreign)


def test_results_without_a_name_are_results(context: Context) -> None:
    module = Module.create(context)
    matrix, mask = context.vector_type((4, 4), np.float32), context.vector_type((4,), bool)
    main = func.func(module.body, "main", [matrix, context.memref_type((4,), np.float32)])
    block, (x, memory) = main.entry_block, main.entry_block.arguments
    maps = [context.parse_attribute(f"affine_map<(i, j, k) -> ({text})>") for text in ("i, k", "k, j", "i, j")]
    iterators = [context.parse_attribute(f"#vector.iterator_type<{text}>") for text in ("parallel",) * 2]
    iterators.append(context.parse_attribute("#vector.iterator_type<reduction>"))
    product = vector.contract(block, x, x, x, maps, iterators, matrix, kind=vector.CombiningKind.ADD)
    assert product.type == matrix
    assert vector.constant_mask(block, [2], mask).type == mask
    assert memref.rank(block, memory).type == context.index_type()
    func.return_(block)
    module.verify()
    tensor = context.tensor_type((4, 4), np.float32)
    other = Block.create(context, [tensor])
    (y,) = other.arguments
    assert mhlo.dot(other, y, y, tensor).type == tensor
    assert mhlo.transpose(other, y, [1, 0]).type == tensor


def test_regions_may_have_no_blocks(context: Context) -> None:
    module = Module.create(context)
    llvm.mlir_global(module.body, context.integer_type(32), "g", "internal", value=np.int32(3))
    llvm.func(module.body, "declared", context.parse_type("!llvm.func<void ()>"))
    main = func.func(module.body, "main", [context.element_type(bool)])
    block, (flag,) = main.entry_block, main.entry_block.arguments
    scf_operations.if_(block, flag, [], then_region=lambda inner: ())
    func.return_(block)
    module.verify()
    assert "llvm.func @declared()" in module.text()


def test_the_generator_refuses_missing_and_surplus_sentences(tmp_path: Path) -> None:
    script = """import generate_dialects as g
del g.SUMMARIES["cf.br"]
g.SUMMARIES |= {"cf.nothing": "Does nothing.", "none.such": "Does nothing."}
g.refuse_wrong_summaries(["cf"])"""
    result = subprocess.run([sys.executable, "-c", script], cwd=GENERATOR, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    for line in (
        "no sentence for cf.br",
        "a sentence for cf.nothing, which does not exist",
        "a sentence for none.such, of no dialect",
    ):
        assert line in result.stderr.splitlines()
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text('"cf.br" = "Jumps."')
    script = f"import pathlib, summaries as s; s.read_summaries(pathlib.Path({str(tmp_path)!r}))"
    result = subprocess.run([sys.executable, "-c", script], cwd=GENERATOR, capture_output=True, text=True, check=False)
    assert "`b.toml` repeats the sentences of other files for cf.br" in result.stderr


def test_every_chlo_operation_has_a_builder() -> None:
    source = inspect.getsource(chlo) + inspect.getsource(chlo_broadcasting)
    # One that only newer bindings have needs a body of its own, and is reached with `Operation.create`.
    assert not {item for item in operation_names("chlo") - {"chlo.scan"} if f'"{item}"' not in source}


def test_types_and_attributes_of_the_bindings_can_be_made(context: Context) -> None:
    memory = context.memref_type((4, 4), np.float32, memory_space=3)
    target = context.parse_attribute("#nvvm.target")
    made = {
        kinds.gpu_async_token_type(context): "!gpu.async.token",
        kinds.llvm_pointer_type(context): "!llvm.ptr",
        kinds.llvm_pointer_type(context, 3): "!llvm.ptr<3>",
        kinds.llvm_struct_type(context, [context.integer_type(8)], packed=True): "!llvm.struct<packed (i8)>",
        kinds.llvm_struct_type(context, name="s"): '!llvm.struct<"s", opaque>',
        kinds.nvgpu_tensor_map_descriptor_type(context, memory, fill=1): "!nvgpu.tensormap.descriptor<tensor = "
        "memref<4x4xf32, 3>, swizzle = none, l2promo = none, oob = nan, interleave = none>",
    }
    for kind, text in made.items():
        assert str(kind) == text
        assert context.parse_type(text) == kind
    attributes = {
        kinds.gpu_object(context, target, b"abc"): '#gpu.object<#nvvm.target, bin = "abc">',
        kinds.mhlo_dequantize_mode(context): "#mhlo<dequantize_mode MIN_COMBINED>",
        kinds.mhlo_fusion_kind(context, "kLoop"): "#mhlo<fusion_kind kLoop>",
        kinds.mpmd_user_origin(context, "f", 1): '#mpmd.user_origin<"f"(1)>',
    }
    for attribute, text in attributes.items():
        assert str(attribute) == text
        assert context.parse_attribute(text) == attribute


def test_impossible_types_and_attributes_of_dialects_are_refused(context: Context) -> None:
    with pytest.raises(ValueError, match=r"a structure expected either `elements` or `name`"):
        kinds.llvm_struct_type(context)
    with pytest.raises(ValueError, match=r"expected one of kLoop, kInput, kOutput, kCustom, but got 'x'"):
        kinds.mhlo_fusion_kind(context, "x")
    with pytest.raises(TypeError, match=r"expected a `memref` type, but got NoneType\[none\]"):
        kinds.nvgpu_tensor_map_descriptor_type(context, context.none_type())
    with pytest.raises(ValueError, match=r"a tensor map expected an integer from 0 to 1, but got 3"):
        kinds.nvgpu_tensor_map_descriptor_type(context, context.memref_type((4,), np.float32), fill=3)
    block = Block.create(context, [context.tensor_type((2,), np.float32)])
    with pytest.raises(BuildError, match=r"`mpmd.reduce` expected an attribute of `mpmd` for `reduction`, but got `5"):
        mpmd.reduce(block, block.arguments, reduction=5)
    with pytest.raises(TypeError, match=r"`arith.addi` expected a `Value` for operand 0, but got `int`"):
        arith.addi(block, 1, 2)  # type: ignore[arg-type]
    with pytest.raises(BuildError, match=r"cannot make `mask` of kind `DenseI64ArrayAttr` from 'ab'$"):
        vector.shuffle(block, *block.arguments, *block.arguments, "ab")  # type: ignore[arg-type]


def plausible(context: Context, parameter: inspect.Parameter, value: Value, block: Block) -> Any:
    """Returns something of the type that a parameter of a generated builder wants."""
    text = str(parameter.annotation)
    if text == "Value":
        return value
    if text == "Sequence[Value]":
        return [value]
    if text == "Type":
        return value.type
    if text == "Sequence[Type]":
        return [value.type]
    if text.endswith("Block") or text == "Sequence[Block]":
        return block if text == "Block" else [block]
    if "int |" in text or "bool |" in text or "float |" in text or "| str |" in text:
        return 1
    if text.startswith("str"):
        return "name"
    return context.unit_attribute() if text == "Any" else [1]


@pytest.mark.parametrize("name", GENERATED)
def test_generated_builders_build_or_refuse(name: str) -> None:
    """With arguments of plausible kinds, a builder builds its operation or says why MLIR refuses; it never crashes."""
    script = f"from tests.ryft_mlir.test_dialects import try_all; try_all({name!r})"
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-1500:]
    built, refused = (int(number) for number in result.stdout.split()[-2:])
    assert built + refused >= len(operation_names(name))


def try_all(name: str) -> None:
    """Calls every generated builder of a dialect once, and prints how many built and how many refused."""
    context = Context()
    module = importlib.import_module(f"ryft_mlir.dialects.{GENERATED[name]}")
    built = refused = 0
    for item in module.__all__:
        function = getattr(module, item)
        if inspect.isclass(function):
            continue
        block = Block.create(context, [context.element_type(np.int32)])
        parameters = list(inspect.signature(function).parameters.values())[1:]
        required = [parameter for parameter in parameters if parameter.default is parameter.empty]
        arguments = [plausible(context, parameter, block.arguments[0], block) for parameter in required]
        try:
            function(block, *arguments)
            assert block.operations[-1].name.startswith(f"{name}.")
            built += 1
        except (BuildError, ValueError, TypeError):
            refused += 1
    print(built, refused)


def test_arith_math_and_scf_make_a_valid_program(context: Context) -> None:
    module = Module.create(context)
    index, number = context.index_type(), context.element_type(np.float32)
    main = func.func(module.body, "main", [index, number], [number])
    block, (count, x) = main.entry_block, main.entry_block.arguments
    zero = arith.constant(block, context.integer_attribute(0, index), result_type=index)
    one = arith.constant(block, context.integer_attribute(1, index), result_type=index)

    def step(inner: Block, i: Value, value: Value) -> Value:
        return arith.addf(inner, value, math.exp(inner, value), fastmath="contract")

    (total,) = scf.for_(block, zero, count, one, [x], step)
    is_less = arith.cmpf(block, total, x, arith.CmpFPredicate.OLT)
    (chosen,) = scf.if_(block, is_less, lambda inner: total, lambda inner: math.absf(inner, total))
    scf.if_(block, is_less, lambda inner: None)

    def before(inner: Block, value: Value) -> tuple[Value, list[Value]]:
        return arith.cmpf(inner, value, x, "olt"), [value]

    (last,) = scf.while_(block, [chosen], before, lambda inner, value: math.sqrt(inner, value))
    func.return_(block, last)
    module.verify()
    assert Module.parse(context, module.text()).text() == module.text()
    text = module.text()
    assert "fastmath<contract>" in text
    assert "scf.for" in text
    assert "scf.while" in text
    with pytest.raises(ValueError, match=r"`arith.cmpf` expected one of false, oeq, .*, but got 'nope'"):
        arith.cmpf(block, x, x, "nope")


def test_jumps_between_blocks(context: Context) -> None:
    module = Module.create(context)
    boolean = context.element_type(bool)
    main = func.func(module.body, "main", [boolean], [boolean])
    region = main.regions[0]
    left, right, end = region.append_new(), region.append_new(), region.append_new([boolean])
    (flag,) = main.entry_block.arguments
    cf.cond_br(main.entry_block, flag, [], [], left, right)
    cf.br(left, [flag], end)
    cf.br(right, [flag], end)
    func.return_(end, end.arguments)
    module.verify()
    assert end.predecessors == (right, left) or end.predecessors == (left, right)
    assert main.entry_block.successors == (left, right)
    assert main.entry_block.terminator is not None
    assert module.bytecode()


def test_memory_and_vectors(context: Context) -> None:
    module = Module.create(context)
    memory = context.memref_type((4,), np.float32)
    main = func.func(module.body, "main", [memory, context.index_type()])
    block, (buffer, index) = main.entry_block, main.entry_block.arguments
    value = memref.load(block, buffer, [index])
    memref.store(block, value, buffer, [index])
    local = memref.alloc(block, [], [], memory, alignment=64)
    memref.copy(block, buffer, local)
    memref.dealloc(block, local)
    vector.broadcast(block, value, context.vector_type((8,), np.float32))
    func.return_(block)
    module.verify()
    assert Module.parse(context, module.bytecode()).text() == module.text()


def test_shardy(context: Context) -> None:
    module = Module.create(context)
    shardy.mesh(module.body, "mesh", {"x": 2, "y": 4}, device_ids=range(7, -1, -1))
    kind, local = context.tensor_type((8, 8), np.float32), context.tensor_type((4, 8), np.float32)
    main = func.func(module.body, "main", [kind], [kind])
    block, (x,) = main.entry_block, main.entry_block.arguments
    part = shardy.axis_reference(context, "y", (2, 2))
    dimension = shardy.dimension_sharding(context, ["x", part], is_closed=False, priority=1)
    sharding = shardy.tensor_sharding(
        context, "mesh", [dimension, None], replicated=[shardy.axis_reference(context, "y", (1, 2))]
    )
    assert '[{"x", "y":(2)2, ?}p1, {?}], replicated={"y":(1)2}' in str(sharding)
    constrained = shardy.sharding_constraint(block, x, sharding)
    shardy.sharding_group(block, constrained, 3)
    by_x = shardy.tensor_sharding(context, "mesh", [["x"], []])
    (y,) = shardy.manual_computation(
        block,
        [x],
        [local],
        lambda inner, piece: piece,
        [kind],
        in_shardings=[by_x],
        out_shardings=[by_x],
        manual=["x"],
    )
    gathered = shardy.all_gather(
        block,
        shardy.sharding_constraint(block, y, by_x),
        shardy.list_of_axes(context, [["x"], []]),
        shardy.tensor_sharding(context, "mesh", [[], []]),
    )
    func.return_(block, gathered)
    module.verify()
    assert Module.parse(context, module.text()).text() == module.text()
    rule = shardy.operation_sharding_rule(
        context, [8, 8], [shardy.tensor_mapping(context, [[0], [1]])], [shardy.tensor_mapping(context, [[0], [1]])]
    )
    assert str(rule) == "#sdy.op_sharding_rule<([i, j])->([i, j]) {i=8, j=8}>"


def test_nested_modules_and_casts(context: Context) -> None:
    module = Module.create(context)
    inner = builtin.module(module.body, "inner", visibility="private")
    main = func.func(inner.regions[0].blocks[0], "main", [context.index_type()])
    (cast,) = builtin.unrealized_conversion_cast(
        main.entry_block, main.entry_block.arguments, [context.integer_type(64)]
    )
    func.return_(main.entry_block)
    module.verify()
    assert cast.type == context.integer_type(64)
    assert "@inner" in module.text()


UNARY = """acos acosh asin asinh atan atanh bessel_i1e conj cosh digamma erf erf_inv erfc is_inf is_neg_inf is_pos_inf
    lgamma sinh square tan"""
BINARY = """next_after polygamma zeta broadcast_add broadcast_atan2 broadcast_complex broadcast_divide broadcast_maximum
    broadcast_minimum broadcast_multiply broadcast_next_after broadcast_polygamma broadcast_power broadcast_remainder
    broadcast_subtract broadcast_zeta"""
INTEGER = """broadcast_and broadcast_or broadcast_xor broadcast_shift_left broadcast_shift_right_arithmetic
    broadcast_shift_right_logical"""


@pytest.mark.parametrize("name", [*UNARY.split(), *BINARY.split(), *INTEGER.split()])
def test_chlo_operations_are_valid_and_legalize(context: Context, name: str) -> None:
    kind = context.tensor_type((3,), np.uint32 if name in INTEGER.split() else np.float32)
    if name == "conj":
        kind = context.tensor_type((3,), np.complex64)
    module = Module.create(context)
    count = 1 if name in UNARY.split() else 2
    main = func.func(module.body, "main", [kind] * count)
    result = getattr(chlo, name)(main.entry_block, *main.entry_block.arguments)
    func.return_(main.entry_block, result)
    main.attributes["function_type"] = context.function_type([kind] * count, [result.type])
    module.verify()
    assert Module.parse(context, module.text()).text() == module.text()
    run_passes(module, chlo_legalize_to_stable_hlo())
    assert "chlo." not in module.text()
    last = (inspect.getdoc(getattr(chlo, name)) or "").splitlines()[-1]
    assert last.startswith("Decomposition: ")
    found: set[str] = set()
    module.walk(lambda operation: found.add(operation.name.removeprefix("stablehlo.")))
    found.update({"broadcast_in_dim", name.removeprefix("broadcast_")})
    assert set(re.findall(r"`(\w+)`", last)) <= found


def test_ragged_products_and_selection(context: Context) -> None:
    module = Module.create(context)
    types = [context.tensor_type(shape, np.float32) for shape in [(4, 3), (2, 3, 5)]]
    sizes = context.tensor_type((2,), np.int64)
    main = func.func(module.body, "main", [*types, sizes])
    block, (lhs, rhs, groups) = main.entry_block, main.entry_block.arguments
    dimensions = chlo.ragged_dot_dimensions(
        context, lhs_contracting=[1], rhs_contracting=[1], lhs_ragged=[0], rhs_group=[0]
    )
    result = context.tensor_type((4, 5), np.float32)
    chlo.ragged_dot(block, lhs, rhs, groups, dimensions, result, precision=["HIGHEST", "DEFAULT"])
    chlo.ragged_dot(block, lhs, rhs, groups, dimensions, result)
    chlo.broadcast_select(block, chlo.broadcast_compare(block, lhs, lhs, "LT"), lhs, lhs)
    func.return_(block)
    module.verify()
    assert Module.parse(context, module.text()).text() == module.text()
    run_passes(module, chlo_legalize_to_stable_hlo())
    assert "chlo." not in module.text()


MACHINE = "llvm gpu nvgpu nvvm arith math"


@pytest.mark.parametrize(
    "names", ["stable_hlo", "chlo shardy func builtin kinds", "vector memref scf mpmd cf", "mhlo", MACHINE]
)
def test_builders_never_crash_whatever_they_are_given(names: str) -> None:
    script = Path(__file__).with_name("builder_fuzz.py")
    command = [sys.executable, "-X", "faulthandler", str(script), "0", "15", *names.split()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert "calls" in result.stdout
