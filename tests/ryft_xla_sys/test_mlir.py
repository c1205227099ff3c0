"""The door to the MLIR bindings."""

from ryft_xla_sys.mlir import DIALECTS, address, dialect, ir, new_context, register_passes


def test_contexts_know_the_dialects() -> None:
    context = new_context()
    for name in (*DIALECTS, "func", "arith", "vhlo"):
        assert context.dialects[name] is not None


def test_dialects_are_found_by_name() -> None:
    assert dialect("stablehlo").AddOp.OPERATION_NAME == "stablehlo.add"


def test_addresses_tell_objects_apart() -> None:
    module = ir.Module.parse("func.func private @f()\nfunc.func private @g()", new_context())
    first, second = module.body.operations
    assert address(first) == address(module.body.operations[0])
    assert address(first) != address(second)


def test_passes_are_registered_once() -> None:
    register_passes()
    register_passes()
