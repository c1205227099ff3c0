"""Compilation: from a program to a kernel that runs on arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ryft_core._native import Entry
from ryft_pjrt import CompilationOptions

from ryft_core.arrays import DeviceArray
from ryft_core.backends import default_client
from ryft_core.dispatch import results_plan
from ryft_core.programs.atoms import Variable
from ryft_core.programs.programs import Program

if TYPE_CHECKING:
    from ryft_core import trees

__all__ = ["Kernel", "compile_program", "live_program"]


class Kernel:
    """Compiled program.

    Attributes:
        executable: The loaded PJRT executable.
        launcher: What executes it.
        program: What was compiled.
        donated: Inputs whose memory an execution may take over.
    """

    __slots__ = ("donated", "executable", "launcher", "program")

    def __init__(self, executable: Any, program: Program, donated: Iterable[int] = ()) -> None:
        self.executable = executable
        self.program = program
        self.donated = tuple(donated)
        self.launcher = executable.launcher(donate=self.donated)

    def entry(
        self,
        structure: trees.Structure,
        leaf_count: int,
        order: Sequence[int],
        captured: Sequence[DeviceArray] = (),
    ) -> Entry:
        """Returns what the native dispatcher needs in order to execute this kernel.

        Args:
            structure: Structure of the results.
            leaf_count: Number of leaves of the arguments.
            order: Number of the leaf that each input is, or `-1 - n` for the captured array `n`.
            captured: Arrays that are inputs as well.
        """
        launcher = self.launcher
        device = launcher.devices[0]
        return Entry(
            launcher.address,
            self,
            leaf_count,
            tuple(order),
            tuple(captured),
            self.program.output_types,
            tuple((device.client, type, device) for type in launcher.output_types),
            results_plan(structure),
            tuple(order[index] for index in self.donated if order[index] >= 0),
        )

    def refused(self, function: Any, status: int, inputs: Sequence[DeviceArray]) -> Any:
        """Raises the error that says why an execution on behalf of `function` was refused."""
        self.launcher._fail(status, [array.buffer for array in inputs])


def compile_program(program: Program, donated: Iterable[int] = ()) -> Kernel:
    """Lowers and compiles `program` for the default client. `donated` inputs give their memory to the results."""
    from ryft_core.lowering import lower_program  # noqa: PLC0415 (loads MLIR, which takes longer than Ryft itself)

    module = lower_program(program)
    parameters = [(type.dtype, type.shape) for type in program.input_types]
    client = default_client()
    executable = client.compile(module.bytecode(), _options(client), parameter_types=parameters)
    return Kernel(executable, program, donated)


def _options(client: Any) -> CompilationOptions | None:
    # By default, XLA's CPU backend loses NaN in reductions to a maximum or minimum.
    if client.platform_name != "cpu":
        return None
    return CompilationOptions(environment_option_overrides={"xla_cpu_enable_fast_min_max": False})


def live_program(program: Program, keep: Iterable[int] = ()) -> tuple[Program, list[int]]:
    """Returns a program without the equations and inputs that its outputs do not need.

    Args:
        program: The program. Equations of primitives that are not pure stay.
        keep: Inputs that stay in any case.

    Returns:
        The program, and which inputs of the original it still has.
    """
    needed = {atom for atom in program.outputs if type(atom) is Variable}
    needed.update(program.inputs[index] for index in keep)
    equations: list[Any] = []
    for equation in reversed(program.equations):
        if not equation.primitive.pure or any(output in needed for output in equation.outputs):
            needed.update(atom for atom in equation.inputs if type(atom) is Variable)
            equations.append(equation)
    kept = [index for index, variable in enumerate(program.inputs) if variable in needed]
    if len(kept) == len(program.inputs) and len(equations) == len(program.equations):
        return program, kept
    inputs = [program.inputs[index] for index in kept]
    return Program(inputs, equations[::-1], program.outputs, program.name), kept
