"""Transformations of programs, for primitives that hold programs. Each result is kept with the program it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ryft_core.primitives.symbolic import Zero
from ryft_core.programs.atoms import Variable
from ryft_core.programs.passes import eliminate_dead_code, is_pure
from ryft_core.programs.programs import Equation, Program
from ryft_core.tracing.tracers import ProgramTrace, trace_program
from ryft_core.tracing.traces import STATE, using_trace
from ryft_core.transforms.batching import run_batched, with_batch_axis
from ryft_core.transforms.jvp import instantiate, run_jvp
from ryft_core.transforms.linearize import PartialTrace, backward

__all__ = [
    "PartialProgram",
    "batch_program",
    "jvp_program",
    "partial_program",
    "transpose_program",
]


def jvp_program(
    program: Program, nonzero: tuple[bool, ...], instantiated: tuple[bool, ...] | None = None
) -> tuple[Program, tuple[bool, ...]]:
    """Returns the program that maps primals and nonzero tangents to outputs and their nonzero tangents.

    Args:
        program: Program to differentiate.
        nonzero: Whether each input has a tangent.
        instantiated: Outputs whose tangent is to be an array even if it is zero.

    Returns:
        The program, and whether each output has a tangent among its results.
    """

    def make() -> tuple[Program, tuple[bool, ...]]:
        present: list[bool] = []

        def function(*operands: Any) -> list[Any]:
            primals = operands[: len(nonzero)]
            given = iter(operands[len(nonzero) :])
            tangents = [
                next(given) if moves else Zero(type.tangent)
                for type, moves in zip(program.input_types, nonzero, strict=True)
            ]
            results, changes = run_jvp(program.evaluate, primals, tangents)
            forced = instantiated or (False,) * len(results)
            present.extend(type(t) is not Zero or force for t, force in zip(changes, forced, strict=True))
            return results + [instantiate(t) for t, kept in zip(changes, present, strict=True) if kept]

        types = program.input_types
        tangent_types = [type.tangent for type, moves in zip(types, nonzero, strict=True) if moves]
        result, captured = trace_program(function, [*types, *tangent_types], f"{program.name}_jvp")
        assert not captured
        return result, tuple(present)

    return program.derived(("jvp", nonzero, instantiated), make)


@dataclass
class PartialProgram:
    """A program split into what depends on known inputs only, and the rest.

    Attributes:
        known: Maps the known inputs to the known outputs, then to residuals that are computed.
        unknown: Maps the residuals, then the unknown inputs, to the unknown outputs.
        unknown_outputs: Whether each output of the whole program is unknown.
        sources: Where each residual comes from: a known input's index, or `len(known inputs) + i` for the `i`-th
            residual that `known` computes.
    """

    known: Program
    unknown: Program
    unknown_outputs: tuple[bool, ...]
    sources: tuple[int, ...]

    def residuals(self, known_operands: Sequence[Any], known_results: Sequence[Any]) -> list[Any]:
        """Returns the residuals, given the operands and the results of `known`."""
        computed = known_results[self.unknown_outputs.count(False) :]
        available = [*known_operands, *computed]
        return [available[source] for source in self.sources]

    def merge(self, known_results: Sequence[Any], unknown_results: Sequence[Any]) -> tuple[Any, ...]:
        """Returns the outputs of the whole program in order."""
        known, unknown = iter(known_results), iter(unknown_results)
        return tuple(next(unknown) if is_unknown else next(known) for is_unknown in self.unknown_outputs)


def partial_program(
    program: Program, unknown: tuple[bool, ...], forced: tuple[bool, ...] | None = None
) -> PartialProgram:
    """Returns `program` split by which inputs are `unknown`; outputs in `forced` are unknown in any case."""

    def make() -> PartialProgram:
        known_trace = ProgramTrace(STATE.trace)
        trace = PartialTrace(known_trace)
        operands = [
            (trace if is_unknown else known_trace).new_input(type)
            for type, is_unknown in zip(program.input_types, unknown, strict=True)
        ]
        with using_trace(trace):
            outputs = program.evaluate(*operands)
        force = forced or (False,) * len(outputs)
        unknown_outputs = tuple(
            trace.owns(output) or forced_one for output, forced_one in zip(outputs, force, strict=True)
        )
        unknown_part, captured = trace.build(
            [output for output, is_unknown in zip(outputs, unknown_outputs, strict=True) if is_unknown],
            f"{program.name}_unknown",
        )
        unknown_part, residuals = _with_constants(unknown_part, [value.variable for value in captured], known_trace)
        positions = {variable: index for index, variable in enumerate(known_trace.inputs)}
        computed = [variable for variable in residuals if variable not in positions]
        count = len(positions)
        positions.update((variable, count + index) for index, variable in enumerate(computed))
        known_outputs = [
            known_trace.atom(output) for output, is_unknown in zip(outputs, unknown_outputs, strict=True)
            if not is_unknown
        ]  # fmt: skip
        known_trace.finished = True
        assert not known_trace.captured
        name = f"{program.name}_known"
        known_part = eliminate_dead_code(
            Program(known_trace.inputs, known_trace.equations, [*known_outputs, *computed], name)
        )
        sources = tuple(positions[variable] for variable in residuals)
        return PartialProgram(known_part, unknown_part, unknown_outputs, sources)

    return program.derived(("partial", unknown, forced), make)


def _with_constants(program: Program, captured: list[Variable], known: ProgramTrace) -> tuple[Program, list[Variable]]:
    """Returns the unknown part of a program without what is not needed, and the known variables that it needs.

    Residuals that depend on nothing, such as an array of zeros, are computed anew rather than handed over.
    """
    program = eliminate_dead_code(program)
    used = {atom for equation in program.equations for atom in equation.inputs} | set(program.outputs)
    makers = {variable: equation for equation in known.equations for variable in equation.outputs}
    constant: dict[Variable, bool] = dict.fromkeys(known.inputs, False)
    for equation in known.equations:
        depends = any(type(atom) is Variable and not constant[atom] for atom in equation.inputs)
        constant.update(dict.fromkeys(equation.outputs, not depends and is_pure(equation)))
    renamed = {
        inner: outer
        for inner, outer in zip(program.inputs, captured, strict=False)
        if inner in used and constant[outer] and not makers[outer].primitive.multiple_results
    }
    needed = set(renamed.values())
    recomputed: list[Equation] = []
    for equation in reversed(known.equations):
        if not needed.isdisjoint(equation.outputs):
            recomputed.append(equation)
            needed.update(atom for atom in equation.inputs if type(atom) is Variable)
    kept = [index for index, inner in enumerate(program.inputs[: len(captured)]) if inner in used]
    kept = [index for index in kept if program.inputs[index] not in renamed]

    def rename(atoms: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([renamed.get(atom, atom) if type(atom) is Variable else atom for atom in atoms])

    equations = [
        Equation(e.primitive, rename(e.inputs), e.outputs, e.location, e.scope) if renamed else e
        for e in program.equations
    ]
    inputs = [program.inputs[index] for index in kept] + list(program.inputs[len(captured) :])
    result = Program(inputs, recomputed[::-1] + equations, rename(program.outputs), program.name)
    return result, [captured[index] for index in kept]


def transpose_program(
    program: Program,
    linear: tuple[bool, ...],
    nonzero: tuple[bool, ...],
    instantiated: bool | tuple[bool, ...] = False,
) -> tuple[Program, tuple[bool, ...]]:
    """Returns the program that maps known operands and nonzero cotangents of the outputs to cotangents of inputs.

    Args:
        program: Program that is linear in some of its inputs.
        linear: Whether each input is one of these.
        nonzero: Whether each output has a cotangent.
        instantiated: Whether cotangents that are zero are given as arrays, too; for all linear inputs or for each.

    Returns:
        The program, and whether each linear input has a cotangent among its results.
    """

    def make() -> tuple[Program, tuple[bool, ...]]:
        present: list[bool] = []
        known_types = [type for type, moves in zip(program.input_types, linear, strict=True) if not moves]
        count = len(known_types)
        order = [i for i, moves in enumerate(linear) if not moves] + [i for i, moves in enumerate(linear) if moves]
        # One program for all `nonzero` and `instantiated`, so that what is derived of programs inside is derived once.
        ordered = program.derived(
            ("ordered", linear),
            lambda: Program([program.inputs[i] for i in order], program.equations, program.outputs, program.name),
        )

        def function(*operands: Any) -> list[Any]:
            given = iter(operands[count:])
            cotangents = [
                next(given) if has else Zero(type) for has, type in zip(nonzero, program.output_types, strict=True)
            ]
            results = backward_nonlinear(ordered, operands[:count], cotangents)
            forced = (instantiated,) * len(results) if isinstance(instantiated, bool) else instantiated
            present.extend(type(result) is not Zero or force for result, force in zip(results, forced, strict=True))
            return [instantiate(result) for result, kept in zip(results, present, strict=True) if kept]

        cotangent_types = [type for type, has in zip(program.output_types, nonzero, strict=True) if has]
        result, captured = trace_program(function, [*known_types, *cotangent_types], f"{program.name}_transposed")
        assert not captured
        return result, tuple(present)

    return program.derived(("transpose", linear, nonzero, instantiated), make)


def backward_nonlinear(program: Program, known: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
    """Runs a program backwards that may compute values from its known inputs on the way to the linear part."""
    split = partial_program(program, (False,) * len(known) + (True,) * (len(program.inputs) - len(known)))
    known_results = split.known.evaluate(*known)
    residuals = split.residuals(list(known), known_results)
    unknown = [cotangent for cotangent, is_unknown in zip(cotangents, split.unknown_outputs, strict=True) if is_unknown]
    return backward(split.unknown, residuals, unknown)


def batch_program(
    program: Program,
    size: int,
    axes: tuple[int | None, ...],
    name: object = None,
    forced: tuple[bool, ...] | None = None,
) -> tuple[Program, tuple[int | None, ...]]:
    """Returns `program` over whole batches.

    Args:
        program: Program over one element.
        size: Length of the mapped axis.
        axes: Position of the mapped axis in each input; `None` for an input that all elements share.
        name: Name of the mapped axis.
        forced: Outputs that are to have the mapped axis, at position 0, even if all elements share them.

    Returns:
        The program, and the position of the mapped axis in each output.
    """

    def make() -> tuple[Program, tuple[int | None, ...]]:
        positions: list[int | None] = []

        def function(*operands: Any) -> list[Any]:
            values, found = run_batched(program.evaluate, size, name, operands, axes)
            force = forced or (False,) * len(values)
            positions.extend(0 if forced_one else axis for axis, forced_one in zip(found, force, strict=True))
            return [
                with_batch_axis(value, axis, size, 0) if forced_one else value
                for value, axis, forced_one in zip(values, found, force, strict=True)
            ]

        types = [
            type if axis is None else type.with_shape((*type.shape[:axis], size, *type.shape[axis:]))
            for type, axis in zip(program.input_types, axes, strict=True)
        ]
        result, captured = trace_program(function, types, f"{program.name}_batched")
        assert not captured
        return result, tuple(positions)

    return program.derived(("batch", size, axes, name, forced), make)
