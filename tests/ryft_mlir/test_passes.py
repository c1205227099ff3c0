"""Pass pipelines, passes and patterns written in Python, and the reference interpreter."""

from pathlib import Path

import numpy as np
import pytest

from ryft_mlir import Block, Context, InterpreterError, Module, Operation, OwnershipError, PassError, Value, evaluate
from ryft_mlir.dialects import chlo, func, shardy
from ryft_mlir.dialects import stable_hlo as hlo
from ryft_mlir.passes import (
    KNOWN_PASSES,
    Pass,
    PassManager,
    PassPrinting,
    Pattern,
    Rewriter,
    apply_patterns,
    canonicalize,
    chlo_legalize_to_stable_hlo,
    cse,
    inline,
    nest,
    refine_arguments,
    refine_shapes,
    run_passes,
    shardy_propagation,
    symbol_dce,
)

TEXT = """module {
  func.func private @double(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = stablehlo.add %arg0, %arg0 : tensor<2xf32>
    return %0 : tensor<2xf32>
  }
  func.func @main(%arg0: tensor<2xf32>) -> tensor<2xf32> {
    %0 = call @double(%arg0) : (tensor<2xf32>) -> tensor<2xf32>
    %1 = stablehlo.add %arg0, %arg0 : tensor<2xf32>
    %2 = stablehlo.multiply %0, %1 : tensor<2xf32>
    return %2 : tensor<2xf32>
  }
}"""


def names(module: Module) -> list[str]:
    found: list[str] = []
    module.walk(lambda operation: found.append(operation.name))
    return found


def test_pipelines_of_passes_change_programs(context: Context) -> None:
    module = Module.parse(context, TEXT)
    main = module.symbols["main"].regions[0].blocks[0]
    hlo.add(main, main.arguments[0], main.arguments[0]).operation.move_before(main.operations[0])
    assert names(module).count("stablehlo.add") == 3
    run_passes(module, inline(), cse(), canonicalize(top_down=True, max_iterations=3), symbol_dce())
    assert names(module).count("stablehlo.add") == 2
    np.testing.assert_array_equal(evaluate(module, [[1, 2]])[0], [4, 16])


def test_pipelines_print_as_text(context: Context) -> None:
    manager = PassManager(context, "builtin.module(cse,func.func(cse))", nest("func.func", cse(), symbol_dce()))
    assert str(manager) == "builtin.module(cse,func.func(cse),func.func(cse,symbol-dce))"
    assert repr(manager) == f"PassManager[{manager}]"
    assert str(Pass("x", a_b=True, c=(1, 2), d=None)) == "x{a-b=true c=1,2}"
    assert Pass("x", a=1) == Pass("x", a=1)
    assert len({Pass("x"), Pass("x")}) == 1


def test_known_passes_are_registered(context: Context) -> None:
    for name, anchor in KNOWN_PASSES.items():
        PassManager(context, name if anchor == "builtin.module" else nest(anchor, name))


def test_unknown_passes_and_options_are_refused(context: Context) -> None:
    with pytest.raises(PassError, match=r"'nope' does not refer to a registered pass"):
        PassManager(context, "nope")
    with pytest.raises(PassError, match=r"no such option nope"):
        PassManager(context, Pass("canonicalize", nope=1))
    with pytest.raises(PassError, match=r"runs on `func.func`, but got `builtin.module`"):
        PassManager(context, "cse", anchor="func.func").run(Module.create(context))
    with pytest.raises(PassError, match=r"belong to different contexts"):
        PassManager(Context(), "cse").run(Module.create(context))


def test_passes_in_python(context: Context) -> None:
    module = Module.parse(context, TEXT)
    seen: list[int] = []

    def count(operation: Operation) -> None:
        total = 0

        def add(_: Operation) -> None:
            nonlocal total
            total += 1

        operation.walk(add)
        seen.append(total)

    main = module.symbols["main"].regions[0].blocks[0]
    hlo.add(main, main.arguments[0], main.arguments[0]).operation.move_before(main.operations[0])
    manager = PassManager(context)
    manager.add_function(count)
    manager.add(cse())
    manager.add_function(count, name="again", description="counts again")
    manager.run(module)
    assert len(seen) == 2
    assert seen[1] < seen[0]


def test_passes_in_python_may_fail(context: Context) -> None:
    manager = PassManager(context)
    manager.add_function(lambda operation: False)
    with pytest.raises(PassError, match=r"failed"):
        manager.run(Module.create(context))
    manager = PassManager(context)
    manager.add_function(lambda operation: 1 / 0)  # type: ignore[arg-type,return-value]
    with pytest.raises(ZeroDivisionError, match=r"division by zero"):
        manager.run(Module.create(context))


def test_passes_print_the_program_after_each(context: Context, tmp_path: Path) -> None:
    threads = context.thread_count
    manager = PassManager(context, "cse", "canonicalize", printing=PassPrinting(directory=tmp_path))
    manager.run(Module.parse(context, TEXT))
    assert len(list(tmp_path.rglob("*.mlir"))) == 2
    assert context.thread_count == threads


def test_invalid_result_of_a_pass_is_reported(context: Context) -> None:
    def spoil(operation: Operation) -> None:
        operation.regions[0].blocks[0].operations[0].regions[0].blocks[0].operations[-1].erase()

    manager = PassManager(context)
    manager.add_function(spoil)
    with pytest.raises(PassError, match=r"block with no terminator"):
        manager.run(Module.parse(context, TEXT))


def test_chlo_is_legalized(context: Context) -> None:
    module = Module.create(context)
    main = func.func(module.body, "main", [context.tensor_type((2,), np.float32)] * 2)
    block, (x, y) = main.entry_block, main.entry_block.arguments
    chlo.broadcast_compare(block, x, y, "LT", "FLOAT")
    chlo.top_k(block, chlo.constant_like(block, chlo.erf(block, x), 2.0), 1)
    chlo.constant(block, 3)
    func.return_(block, chlo.sinh(block, chlo.broadcast_add(block, x, y, broadcast_dimensions=[0])))
    kind = context.tensor_type((2,), np.float32)
    main.attributes["function_type"] = context.function_type([kind, kind], [kind])
    module.verify()
    run_passes(module, chlo_legalize_to_stable_hlo(), canonicalize())
    assert not [name for name in names(module) if name.startswith("chlo.")]
    np.testing.assert_allclose(evaluate(module, [[0.5, 1], [0, 1]])[0], np.sinh([0.5, 2]), rtol=1e-5)


def test_shapes_are_refined(context: Context) -> None:
    module = Module.parse(context, "func.func @main(%a: tensor<?xf32>) -> tensor<?xf32> { return %a : tensor<?xf32> }")
    run_passes(module, refine_arguments([context.tensor_type((4,), np.float32)]), refine_shapes())
    assert "tensor<4xf32>" in module.text()


def test_shardings_are_propagated(context: Context) -> None:
    module = Module.create(context)
    shardy.mesh(module.body, "mesh", {"x": 2, "y": 4})
    kind = context.tensor_type((8, 8), np.float32)
    sharding = shardy.tensor_sharding(context, "mesh", [["x"], None])
    main = func.func(module.body, "main", [kind], [kind], argument_attributes=[{"sdy.sharding": sharding}])
    func.return_(main.entry_block, hlo.negate(main.entry_block, *main.entry_block.arguments))
    module.verify()
    run_passes(module, shardy_propagation())
    assert '<@mesh, [{"x"}' in str(module.symbols["main"].attributes["res_attrs"])


def test_patterns_rewrite_programs(context: Context) -> None:
    module = Module.parse(context, TEXT)

    def double_instead(operation: Operation, rewriter: Rewriter) -> bool:
        left, right = operation.operands
        if left != right:
            return False

        def build(block: Block) -> Value:
            return hlo.multiply(block, left, hlo.constant(block, 2.0, left.type))

        rewriter.replace(rewriter.build(build))
        return True

    apply_patterns(module, [Pattern("stablehlo.add", double_instead)])
    module.verify()
    assert "stablehlo.add" not in names(module)
    np.testing.assert_array_equal(evaluate(module, [[1, 2]])[0], [4, 16])


def test_patterns_may_fail(context: Context) -> None:
    module = Module.parse(context, TEXT)
    with pytest.raises(ZeroDivisionError, match=r"division by zero"):
        apply_patterns(module, [Pattern("stablehlo.add", lambda operation, rewriter: 1 / 0 > 1)])

    def erase(operation: Operation, rewriter: Rewriter) -> bool:
        rewriter.erase()
        return True

    with pytest.raises(OwnershipError, match=r"`stablehlo.add` still has users"):
        apply_patterns(module, [Pattern("stablehlo.add", erase)])
    with pytest.raises(OwnershipError, match=r"has 1 results, but got 0 replacements"):
        apply_patterns(module, [Pattern("stablehlo.add", lambda operation, rewriter: rewriter.replace([]) is None)])
    module.verify()


def test_interpreter_evaluates_any_function(context: Context) -> None:
    module = Module.parse(context, TEXT)
    np.testing.assert_array_equal(evaluate(module, [[1, 2]])[0], [4, 16])
    np.testing.assert_array_equal(evaluate(module, [[1, 2]], function="double")[0], [2, 4])
    assert evaluate(module, [[1, 2]])[0].dtype == np.float32
    with pytest.raises(InterpreterError, match=r"expected one of the functions `double`, `main`, but got `nope`"):
        evaluate(module, [], function="nope")
    with pytest.raises(InterpreterError, match=r"`main` expected 1 arguments, but got 0"):
        evaluate(module)
    with pytest.raises(InterpreterError, match=r"argument 0 of `main` expected shape \(2,\), but got \(3,\)"):
        evaluate(module, [[1, 2, 3]])


def test_interpreter_survives_what_ends_it(context: Context) -> None:
    def program(body: str) -> Module:
        return Module.parse(
            context, f"func.func @main(%a: tensor<i32>) -> tensor<i32> {{ {body} return %0 : tensor<i32> }}"
        )

    divide = program("%0 = stablehlo.divide %a, %a : tensor<i32>")
    unknown = program("%0 = stablehlo.custom_call @nope(%a) : (tensor<i32>) -> tensor<i32>")
    endless = program(
        """%0 = stablehlo.while(%i = %a) : tensor<i32> cond {
        %c = stablehlo.constant dense<true> : tensor<i1> stablehlo.return %c : tensor<i1>
        } do { stablehlo.return %i : tensor<i32> }"""
    )
    with pytest.raises(InterpreterError, match=r"the reference interpreter ended: signal SIGFPE"):
        evaluate(divide, [0])
    with pytest.raises(InterpreterError, match=r"Unsupported op"):
        evaluate(unknown, [0])
    with pytest.raises(InterpreterError, match=r"did not finish within 0.5 seconds"):
        evaluate(endless, [0], timeout=0.5)
    assert evaluate(divide, [3])[0] == 1
