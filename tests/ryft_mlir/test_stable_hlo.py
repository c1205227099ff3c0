"""Every operation of StableHLO: built, verified, serialized, interpreted and compiled."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest

import ryft_pjrt as pjrt
from ryft_mlir import Context, Module, evaluate
from ryft_mlir.dialects import func, stable_hlo
from ryft_xla_sys.mlir import dialect
from tests.ryft_mlir.stable_hlo_samples import SAMPLES, Sample, values

# Without the `quant` dialect, which the bindings do not link, their types cannot be spelled.
INEXPRESSIBLE = {"stablehlo.uniform_quantize", "stablehlo.uniform_dequantize"}

# What the specification has no section for: what it deprecates, what is still to be specified, and ends of regions.
UNSPECIFIED = """broadcast create_token cross_replica_sum dot einsum real_dynamic_slice return_ set_dimension_size
    torch_index_select unary_einsum"""
BUILDERS = {
    name: builder
    for name, builder in inspect.getmembers(stable_hlo, inspect.isfunction)
    if next(iter(inspect.signature(builder).parameters)) == "block"
}


@pytest.fixture(scope="module")
def context() -> Context:
    return Context()


@pytest.fixture(scope="module")
def client() -> Any:
    with pjrt.load_cpu_plugin().client() as client:
        yield client


def build(context: Context, sample: Sample) -> Module:
    module = Module.create(context)
    arrays = [np.asarray(argument) for argument in sample.arguments]
    main = func.func(module.body, "main", [context.tensor_type(array.shape, array.dtype) for array in arrays])
    results = values(sample.build(main.entry_block, *main.entry_block.arguments))
    func.return_(main.entry_block, results)
    types = [argument.type for argument in main.entry_block.arguments]
    main.attributes["function_type"] = context.function_type(types, [result.type for result in results])
    if sample.operation == "stablehlo.composite":
        helper = func.func(module.body, "helper", types, types, visibility="private")
        func.return_(helper.entry_block, helper.entry_block.arguments)
    return module


def check(actual: Any, sample: Sample) -> None:
    expected = sample.expected if isinstance(sample.expected, tuple) else (sample.expected,)
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=sample.tolerance, atol=sample.tolerance)


def test_samples_cover_every_operation() -> None:
    bindings = dialect("stablehlo")
    names = {item.OPERATION_NAME for item in vars(bindings).values() if hasattr(item, "OPERATION_NAME")}
    assert {sample.operation for sample in SAMPLES} == names - INEXPRESSIBLE


@pytest.mark.parametrize("name", BUILDERS)
def test_description_of_a_builder_names_the_section_of_the_specification(name: str) -> None:
    builder = BUILDERS[name]
    description = inspect.getdoc(builder) or ""
    last = description.splitlines()[-1]
    if name in UNSPECIFIED.split():
        assert last.startswith("Specification: none (")
        return
    (operation,) = re.findall(r'"stablehlo\.([a-z0-9_-]+)"', inspect.getsource(builder))
    assert last == f"Specification: `{operation}`."


@pytest.mark.parametrize("name", BUILDERS)
def test_description_of_a_builder_says_what_it_takes(name: str) -> None:
    takes = [key for key, kind in inspect.signature(BUILDERS[name]).parameters.items() if "Value" in kind.annotation]
    description = inspect.getdoc(BUILDERS[name]) or ""
    paragraphs = description.split("\n\n")[1:-1]
    assert paragraphs or not takes, "expected the constraints between the summary and the section"


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_operation_survives_every_serialization(context: Context, sample: Sample) -> None:
    module = build(context, sample)
    module.verify()
    text = module.text()
    assert f"{sample.operation} " in text or f'"{sample.operation}"' in text or f"{sample.operation}(" in text
    assert Module.parse(context, text).text() == text
    assert Module.parse(context, module.bytecode()).text() == text
    # An artifact spells out defaults, so it comes back as the same program in other words.
    again = Module.from_portable_artifact(context, module.portable_artifact())
    assert module.text() == text
    again.verify()
    assert sample.operation in again.text()
    assert Module.from_portable_artifact(context, again.portable_artifact()).text() == again.text()


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.interpreted], ids=str)
def test_operation_is_interpreted(context: Context, client: Any, sample: Sample) -> None:
    module = build(context, sample)
    results = evaluate(module, sample.arguments)
    again = evaluate(Module.from_portable_artifact(context, module.portable_artifact()), sample.arguments)
    for one, other in zip(results, again, strict=True):
        np.testing.assert_array_equal(one, other)
    if sample.expected is not None:
        check(results, sample)
    if sample.compiled:
        for one, other in zip(results, execute(client, module, sample), strict=True):
            np.testing.assert_allclose(one, other, rtol=sample.tolerance, atol=sample.tolerance)


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.compiled], ids=str)
def test_operation_is_compiled(context: Context, client: Any, sample: Sample) -> None:
    results = execute(client, build(context, sample), sample)
    if sample.expected is not None:
        check(results, sample)


def execute(client: Any, module: Module, sample: Sample) -> list[np.ndarray]:
    executable = client.compile(pjrt.Program(module.bytecode()))
    buffers = [client.buffer(np.asarray(argument)) for argument in sample.arguments]
    outputs = executable(*buffers)
    return [output.to_numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]
