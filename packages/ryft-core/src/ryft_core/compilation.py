"""Compilation: from a program to a kernel that runs on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ryft_core.arrays import DeviceArray
from ryft_core.backends import default_client

if TYPE_CHECKING:
    from ryft_core.programs.programs import Program

__all__ = ["Kernel", "compile_program"]


class Kernel:
    """Compiled program.

    Attributes:
        executable: The loaded PJRT executable.
        output_types: Types of the results.
    """

    __slots__ = ("executable", "launch", "output_types")

    def __init__(self, executable: Any, program: Program, donated: Sequence[int] = ()) -> None:
        self.executable = executable
        self.launch = executable.launcher(donate=donated)
        self.output_types = program.output_types

    def run(self, arrays: Sequence[DeviceArray]) -> list[DeviceArray]:
        """Starts one execution, and returns its results, which are being computed."""
        buffers = self.launch([array.buffer for array in arrays])
        return [DeviceArray(buffer, type) for buffer, type in zip(buffers, self.output_types, strict=True)]


def compile_program(program: Program, donated: Sequence[int] = ()) -> Kernel:
    """Lowers and compiles `program` for the default client. `donated` inputs give their memory to the results."""
    from ryft_core.lowering import lower_program  # loads MLIR, which takes longer than Ryft itself

    module = lower_program(program)
    parameters = [(type.dtype, type.shape) for type in program.input_types]
    executable = default_client().compile(module.bytecode(), parameter_types=parameters)
    return Kernel(executable, program, donated)
