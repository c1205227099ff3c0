"""Compilation: from a program to a kernel that runs on arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ryft_core._native import Entry
from ryft_core.arrays import DeviceArray
from ryft_core.backends import default_client
from ryft_core.dispatch import results_plan
from ryft_core.errors import PjrtError, noted
from ryft_core.loop_kernels import BACKEND_OPTIONS, has_only_small_loops
from ryft_core.programs.atoms import Variable
from ryft_core.programs.passes import eliminate_dead_code
from ryft_core.programs.programs import Program
from ryft_core.tracebacks import leaving
from ryft_pjrt import CompilationOptions, ExecutableCompilationOptions

if TYPE_CHECKING:
    from ryft_core import trees
    from ryft_mlir import Module

__all__ = ["Kernel", "aliases", "compile_module", "compile_program", "live_program"]


class Kernel:
    """Compiled program.

    Attributes:
        executable: The loaded PJRT executable.
        launcher: What executes it.
        program: What was compiled.
        donated: Inputs whose memory an execution may take over.
    """

    __slots__ = ("donated", "executable", "launcher", "program")

    def __init__(self, executable: Any, program: Program, donated: Sequence[int] = (), device: Any = None) -> None:
        self.executable = executable
        self.program = program
        self.donated = tuple(donated)
        self.launcher = executable.launcher(donate=self.donated, device=device)

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
        for place, array in enumerate(inputs):
            if array._donation is not None and array.buffer.closed:
                named = getattr(function, "input_name", None)
                raise array.donated_error(
                    f"operand {place} of `{function.name}`" if named is None else named(self, place)
                )
        try:
            self.launcher._fail(status, [array.buffer for array in inputs])
        except PjrtError as error:
            noted(error, f"while `{self.program.name}` was running")
            leaving(error, None, None)
            raise


def compile_program(
    program: Program, donated: Sequence[int] = (), device: Any = None, *, quick: bool = False
) -> Kernel:
    """Lowers and compiles a program.

    Args:
        program: The program.
        donated: Inputs that give their memory to the results.
        device: Device to compile for; the default device, if `None`.
        quick: Whether to spend less time on compiling, at the cost of a kernel that takes longer.
    """
    # Only here, because it loads MLIR, which takes longer than Ryft itself.
    from ryft_core.lowering import lower_program

    return compile_module(lower_program(program, aliases(program, donated)), program, donated, device, quick=quick)


# By default, XLA's CPU backend loses NaN in reductions to a maximum or minimum.
_CPU_OPTIONS: dict[str, object] = {"xla_cpu_enable_fast_min_max": False}
# Most of the time that compiling a small program takes goes into setting up MLIR's code generator, and into LLVM.
_CPU_QUICK_OPTIONS = {**_CPU_OPTIONS, "xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0}


def compile_module(
    module: Module, program: Program, donated: Sequence[int] = (), device: Any = None, *, quick: bool = False
) -> Kernel:
    """Compiles the module that `program` was lowered to; refer to `compile_program`."""
    client = default_client() if device is None else device.client
    is_default = device is None or device is client.addressable_devices[0]
    parameters = [(type.dtype, type.shape) for type in program.input_types]
    on_cpu = client.platform_name == "cpu"
    options = CompilationOptions(
        compile_portable_executable=not is_default,
        environment_option_overrides=(_CPU_QUICK_OPTIONS if quick else _CPU_OPTIONS) if on_cpu else {},
        executable_build_options=_build_options(client, program) if on_cpu else ExecutableCompilationOptions(),
    )
    try:
        executable = client.compile(module.bytecode(), options, parameter_types=parameters)
    except PjrtError as error:
        noted(error, f"while `{program.name}` was compiled")
        raise
    return Kernel(executable, program, donated, None if is_default else device)


def _build_options(client: Any, program: Program) -> ExecutableCompilationOptions:
    """Returns the options for the CPU's compiler that cannot be given as overrides."""
    if not has_only_small_loops(program):
        return ExecutableCompilationOptions()
    try:
        defaults = client.default_debug_options
    except PjrtError:
        return ExecutableCompilationOptions()  # Another version of the plugin: loops are only slower.
    return ExecutableCompilationOptions(debug_options=defaults.with_backend_options(BACKEND_OPTIONS))


def aliases(program: Program, donated: Sequence[int]) -> dict[int, int]:
    """Returns which output takes over the memory of each donated input: the first one of its type that is free."""
    free = list(enumerate(program.output_types))
    found: dict[int, int] = {}
    for index in donated:
        type = program.inputs[index].type
        for place, (output, output_type) in enumerate(free):
            if output_type.shape == type.shape and output_type.dtype == type.dtype:
                found[index] = output
                del free[place]
                break
    return found


def live_program(program: Program, keep: Iterable[int] = ()) -> tuple[Program, list[int]]:
    """Returns a program without the equations and inputs that its outputs do not need.

    Args:
        program: The program. Equations of primitives that are not pure stay.
        keep: Inputs that stay in any case.

    Returns:
        The program, and which inputs of the original it still has.
    """
    live = eliminate_dead_code(program)
    needed = {atom for atom in live.outputs if type(atom) is Variable}
    needed.update(program.inputs[index] for index in keep)
    for equation in live.equations:
        needed.update(atom for atom in equation.inputs if type(atom) is Variable)
    kept = [index for index, variable in enumerate(program.inputs) if variable in needed]
    inputs = [program.inputs[index] for index in kept]
    return Program(inputs, live.equations, live.outputs, program.name), kept
