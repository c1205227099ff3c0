"""Every rule of every primitive, checked for the samples of `samples_*.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
import pytest
from checks import (
    as_tuple,
    axis_combinations,
    compare,
    run_interpreter,
    run_kernel,
    run_program,
    run_reference,
    single_equation,
    types_of,
)
from samples import CHECKS, UNSAMPLED, Sample, all_primitives, all_samples

from ryft_core.arrays import device_array
from ryft_core.primitives.base import Primitive
from ryft_core.programs import Program
from ryft_core.tracing.tracers import trace_program
from ryft_core.transforms.gradients import jvp, vjp
from ryft_core.transforms.vmap import vmap
from ryft_core.types.array_types import FLOAT0, ArrayType

PRIMITIVES = all_primitives()
ALL_SAMPLES = all_samples()


def reason_not_to_run(check: str, primitive: Primitive) -> str | None:
    """Returns why a check does not apply to any sample of a primitive."""
    if check in ("jvp", "transpose") and not primitive.differentiable:
        return "it is not differentiable"
    return None


def samples_for(check: str) -> list[Any]:
    chosen = [
        each for each in ALL_SAMPLES if check not in each.without and reason_not_to_run(check, each.primitive) is None
    ]
    if check in ("jvp", "transpose"):
        chosen = [each for each in chosen if moving_operands(each)]
    return [pytest.param(each, id=f"{each.primitive.name}-{index}") for index, each in enumerate(chosen)]


def moving_operands(sample: Sample) -> list[int]:
    """Returns the operands to differentiate with respect to: those of 64-bit floating-point elements."""
    return [
        index
        for index, operand in enumerate(sample.operands)
        if operand.dtype.name in ("float64", "complex128") and index not in sample.constant
    ]


def first_samples() -> dict[str, Sample]:
    """Returns one sample of each primitive, in 64 bits where there is one."""
    chosen: dict[str, Sample] = {}
    for each in ALL_SAMPLES:
        present = chosen.get(each.primitive.name)
        if "vmap" not in each.without and (
            present is None or (not moving_operands(present) and bool(moving_operands(each)))
        ):
            chosen[each.primitive.name] = each
    return chosen


FIRST = first_samples()


def function_of(sample: Sample, moving: Sequence[int]) -> Any:
    """Returns the primitive as a function of its moving operands, giving those results that have tangents."""

    def function(*values: Any) -> list[Any]:
        operands: list[Any] = [device_array(operand) for operand in sample.operands]
        for index, value in zip(moving, values, strict=True):
            operands[index] = value
        results = as_tuple(sample.primitive, sample.primitive.bind(*operands))
        return [result for result in results if result.type.kind in "fc"]

    return function


def reference_of(sample: Sample, moving: Sequence[int], values: Sequence[Any]) -> list[Any]:
    operands = list(sample.operands)
    for index, value in zip(moving, values, strict=True):
        operands[index] = value
    return [result for result in run_reference(sample.primitive, operands) if result.dtype.kind in "fc"]


def directions(operands: Sequence[Any], seed: int) -> list[Any]:
    generator = numpy.random.default_rng(seed)
    result = []
    for operand in operands:
        values = generator.normal(size=operand.shape)
        if operand.dtype.kind == "c":
            values = values + 1j * generator.normal(size=operand.shape)
        result.append(numpy.asarray(values, operand.dtype))
    return result


def traced(function: Any, operands: Sequence[Any]) -> tuple[Program, list[Any]]:
    program, captured = trace_program(function, types_of(operands))
    return program, [numpy.asarray(value) for value in captured]


def evaluated(function: Any, operands: Sequence[Any]) -> list[Any]:
    """Evaluates a function that returns a list of arrays with NumPy."""
    program, captured = traced(function, operands)
    return run_program(program, [*captured, *operands])


def test_samples_cover_every_primitive() -> None:
    missing = []
    for name in PRIMITIVES.keys() - UNSAMPLED.keys():
        for check in CHECKS:
            own = [each for each in ALL_SAMPLES if each.primitive.name == name]
            if not own:
                missing.append(f"{name}: no sample")
                break
            reasons = reason_not_to_run(check, own[0].primitive) or all(check in each.without for each in own)
            run = [each for each in own if check not in each.without]
            if check in ("jvp", "transpose") and not reasons and not any(map(moving_operands, run)):
                missing.append(f"{name}: {check} has no sample with 64-bit floating-point operands")
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("sample", samples_for("types"))
def test_lowering_has_the_types_of_the_type_rule(sample: Sample) -> None:
    from ryft_core.lowering import lower_program

    program = single_equation(sample.primitive, types_of(sample.operands))
    module = lower_program(program)

    module.verify()
    for type in program.output_types:
        assert isinstance(type, ArrayType)


@pytest.mark.parametrize("sample", samples_for("reference"))
def test_compiled_agrees_with_numpy(sample: Sample) -> None:
    expected = run_reference(sample.primitive, sample.operands)
    program = single_equation(sample.primitive, types_of(sample.operands))
    arrays = [device_array(x) for x in sample.operands]

    ways = [run_kernel(program, arrays, quick=False), as_tuple(sample.primitive, sample.primitive.bind(*arrays))]
    if sample in FIRST.values():
        ways.append(run_kernel(program, arrays, quick=True))
    for results in ways:
        for result, value in zip(results, expected, strict=True):
            compare(result, value, sample.tolerance)


@pytest.mark.parametrize("sample", samples_for("interpreter"))
def test_interpreter_agrees_with_numpy(sample: Sample) -> None:
    expected = run_reference(sample.primitive, sample.operands)
    results = run_interpreter(single_equation(sample.primitive, types_of(sample.operands)), sample.operands)

    for result, value in zip(results, expected, strict=True):
        compare(result, value, sample.tolerance)


@pytest.mark.parametrize("sample", samples_for("jvp"))
def test_jvp_agrees_with_finite_differences(sample: Sample) -> None:
    moving = moving_operands(sample)
    for subset in [moving] if len(moving) == 1 else [moving, *[[index] for index in moving]]:
        primals = [sample.operands[index] for index in subset]
        tangents = directions(primals, seed=len(subset))

        def tangent_of(*values: Any, subset: Any = subset) -> list[Any]:
            count = len(subset)
            return jvp(function_of(sample, subset), values[:count], values[count:])[1]

        results = evaluated(tangent_of, [*primals, *tangents])

        ahead = reference_of(sample, subset, [x + sample.step * t for x, t in zip(primals, tangents, strict=True)])
        behind = reference_of(sample, subset, [x - sample.step * t for x, t in zip(primals, tangents, strict=True)])
        for result, after, before in zip(results, ahead, behind, strict=True):
            compare(result, (after - before) / (2 * sample.step), sample.derivative_tolerance)


@pytest.mark.parametrize("sample", samples_for("transpose"))
def test_transpose_agrees_with_jvp(sample: Sample) -> None:
    moving = moving_operands(sample)
    for subset in [moving] if len(moving) == 1 else [moving, *[[index] for index in moving]]:
        primals = [sample.operands[index] for index in subset]
        tangents = directions(primals, seed=1)
        count = len(subset)

        def tangent_of(*values: Any, subset: Any = subset, count: int = count) -> list[Any]:
            return jvp(function_of(sample, subset), values[:count], values[count:])[1]

        changes = evaluated(tangent_of, [*primals, *tangents])
        cotangents = directions(changes, seed=2)

        def cotangent_of(*values: Any, subset: Any = subset, count: int = count) -> list[Any]:
            return list(vjp(function_of(sample, subset), *values[:count])[1](list(values[count:])))

        gradients = evaluated(cotangent_of, [*primals, *cotangents])
        for gradient, primal in zip(gradients, primals, strict=True):
            assert (gradient.dtype, gradient.shape) == (primal.dtype, primal.shape)
        # <J v, w> = <v, J^T w>; over complex numbers the transpose is not conjugated, and real parts are compared.
        forward = sum((change * w).sum() for change, w in zip(changes, cotangents, strict=True))
        backward = sum((gradient * v).sum() for gradient, v in zip(gradients, tangents, strict=True))
        numpy.testing.assert_allclose(numpy.real(forward), numpy.real(backward), rtol=1e-9, atol=1e-9)


def batched_operands(sample: Sample, axes: Sequence[int | None], size: int) -> list[Any]:
    """Returns the operands with a mapped axis where `axes` says so: the operand itself, and permutations of it."""
    result = []
    for operand, axis in zip(sample.operands, axes, strict=True):
        if axis is None:
            result.append(operand)
        else:
            elements = [numpy.roll(operand.reshape(-1), index).reshape(operand.shape) for index in range(size)]
            result.append(numpy.stack(elements, axis))
    return result


def mapped(sample: Sample, axes: Sequence[int | None]) -> Any:
    def function(*operands: Any) -> list[Any]:
        return list(as_tuple(sample.primitive, sample.primitive.bind(*operands)))

    return vmap(function, in_axes=tuple(axes))


@pytest.mark.parametrize("sample", samples_for("vmap"))
def test_vmap_agrees_with_a_loop(sample: Sample) -> None:
    size = 2
    for axes in axis_combinations([operand.ndim for operand in sample.operands]):
        operands = batched_operands(sample, axes, size)

        results = evaluated(mapped(sample, axes), operands)

        elements = [
            run_reference(
                sample.primitive,
                [
                    operand if axis is None else numpy.take(operand, index, axis)
                    for operand, axis in zip(operands, axes, strict=True)
                ],
            )
            for index in range(size)
        ]
        for result, parts in zip(results, zip(*elements, strict=True), strict=True):
            compare(result, numpy.stack(parts), sample.tolerance)


@pytest.mark.parametrize("sample", [pytest.param(each, id=name) for name, each in FIRST.items()])
def test_compiled_vmap_agrees_with_numpy(sample: Sample) -> None:
    axes = [operand.ndim for operand in sample.operands]
    operands = batched_operands(sample, axes, 3)

    results = mapped(sample, axes)(*[device_array(operand) for operand in operands])

    for result, expected in zip(results, evaluated(mapped(sample, axes), operands), strict=True):
        compare(result, expected, max(sample.tolerance, 1e-10))


@pytest.mark.parametrize("name", sorted(name for name, primitive in PRIMITIVES.items() if not primitive.differentiable))
def test_primitives_without_derivative_have_zero_tangents(name: str) -> None:
    own = [each for each in ALL_SAMPLES if each.primitive.name == name and moving_operands(each)]
    for each in own[:1]:
        moving = moving_operands(each)
        primals = [device_array(each.operands[index]) for index in moving]

        def result(*values: Any, each: Sample = each, moving: list[int] = moving) -> list[Any]:
            operands = [device_array(operand) for operand in each.operands]
            for index, value in zip(moving, values, strict=True):
                operands[index] = value
            return list(as_tuple(each.primitive, each.primitive.bind(*operands)))

        _, changes = jvp(result, primals, [device_array(numpy.ones(x.shape, x.dtype)) for x in primals])
        for change in changes:
            zeros = numpy.asarray(change)
            assert zeros.dtype == FLOAT0 or not zeros.astype("complex128").any()
