"""Stages of `jit` one by one: a traced function, the same lowered to StableHLO, and compiled."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy

from ryft_core import trees
from ryft_core.arrays import DeviceArray
from ryft_core.callback_execution import calls_back, run_with_callbacks
from ryft_core.compilation import Kernel, aliases, compile_module, live_program
from ryft_core.dispatch import on_one_device
from ryft_core.errors import OperandError, RyftError, StructureError, hinted
from ryft_core.primitives.operands import as_value
from ryft_core.programs.atoms import Value
from ryft_core.programs.programs import Program
from ryft_core.tracing.evaluation import concrete, is_tiny
from ryft_core.tracing.traces import STATE
from ryft_core.transforms.functions import argument_leaves
from ryft_core.transforms.signatures import CallSignature, Parameters
from ryft_core.types.array_types import ArrayType

if TYPE_CHECKING:
    from ryft_mlir import Module

__all__ = ["CompileChoices", "Compiled", "Lowered", "StageError", "Traced", "type_of"]


class StageError(RyftError, ValueError):
    """A stage of `jit` was asked for something that it does not have, such as text in an unknown dialect."""


class Traced:
    """A function that was traced for one signature.

    Attributes:
        name: Name of the function.
        program: What it computes; the values that it captured are the leading inputs.
        captured: These values.
        signature: Structure and types of the arguments, and the static ones.
        structure: Structure of the results.
        is_eager: Whether to compile quickly what is small; refer to `JitFunction`.
        seconds_on_host: Time that was spent on computing it on the host.
    """

    def __init__(
        self,
        parameters: Parameters,
        program: Program,
        captured: list[Any],
        signature: CallSignature,
        structure: trees.Structure,
        options: CompileChoices,
    ) -> None:
        self.name = parameters.function
        self.program = program
        self.captured = captured
        self.signature = signature
        self.structure = structure
        self._parameters = parameters
        self._options = options
        self._lock = Lock()
        self._compiled: dict[Any, Compiled] = {}
        self.is_eager = options.is_eager
        self.seconds_on_host = 0.0

    def __repr__(self) -> str:
        return f"Traced({self.name}, {len(self.program.equations)} equations)"

    @property
    def in_info(self) -> Any:
        """The arguments that are not static, as `(positional, named)`, with an `ArrayType` in place of each array."""
        return self.signature.structure.unflatten(self.signature.types)

    @property
    def out_info(self) -> Any:
        """The results, with an `ArrayType` in place of each array."""
        return self.structure.unflatten(self.program.output_types)

    def leaf_names(self) -> list[str]:
        """Returns how to call each array among the arguments in messages."""
        return self._parameters.names_of_leaves(self.signature)

    def donated(self) -> tuple[int, ...]:
        """Returns which arrays among the arguments are donated."""
        numbers, names = self._options.donate_numbers, self._options.donate_names
        if not numbers and not names:
            return ()
        static = {place for place, _, _ in self.signature.statics}
        chosen: list[int] = []
        for leaf, path in enumerate(self.signature.structure.paths):
            group, step = path[0], path[1]
            if group == trees.Index(0) and isinstance(step, trees.Index):
                # Positions count the static arguments as well.
                position = -1
                for _ in range(step.index + 1):
                    position += 1
                    while position in static:
                        position += 1
                is_donated = position in numbers
            else:
                is_donated = getattr(step, "key", None) in names
            if is_donated:
                chosen.append(leaf)
        return tuple(chosen)

    def lower(self) -> Lowered:
        """Returns the traced function as a StableHLO module.

        Raises:
            LeakedTracerError: If the function captured a value that is being traced.
        """
        captured = [concrete(value) for value in self.captured]
        offset = len(captured)
        leaf_count = len(self.signature.types)
        keep = range(offset, offset + leaf_count) if self._options.keep_unused else ()
        program, kept = live_program(self.program, keep)
        order = [index - offset if index >= offset else -1 - index for index in kept]
        donated_leaves = set(self.donated())
        donated = tuple(place for place, leaf in enumerate(order) if leaf in donated_leaves)
        return Lowered(self, program, captured, order, donated)

    def all_compiled(self) -> list[Compiled]:
        """Returns what was compiled so far, for any device."""
        return list(self._compiled.values())

    def compiled(self, device: Any = None) -> Compiled:
        """Returns the compiled function for a device; compiles it the first time only, in one thread only."""
        with self._lock:
            found = self._compiled.get(device)
            if found is None:
                found = self._compiled[device] = self.lower().compile(device)
            return found


class CompileChoices:
    """Options of `jit` that matter after tracing.

    Attributes:
        donate_numbers: Positions of the arguments that are donated.
        donate_names: Names of the arguments that are donated.
        keep_unused: Whether arguments that the results do not depend on stay parameters.
        is_eager: Whether to compile quickly what is small.
    """

    __slots__ = ("donate_names", "donate_numbers", "is_eager", "keep_unused")

    def __init__(
        self, donate_numbers: frozenset[int], donate_names: frozenset[str], keep_unused: bool, is_eager: bool
    ) -> None:
        self.donate_numbers = donate_numbers
        self.donate_names = donate_names
        self.keep_unused = keep_unused
        self.is_eager = is_eager


class Lowered:
    """A traced function as a StableHLO module.

    Attributes:
        traced: What was lowered.
        module: The module; its function `main` computes the results from the captured values and the arguments that
            are used.
    """

    def __init__(
        self,
        traced: Traced,
        program: Program,
        captured: list[DeviceArray],
        order: list[int],
        donated: tuple[int, ...],
    ) -> None:
        # Only here, because it loads MLIR, which takes longer than Ryft itself.
        from ryft_core.lowering import lower_program

        self.traced = traced
        self._program = program
        self._captured = captured
        self._order = order
        self._donated = donated
        self.module: Module = lower_program(program, aliases(program, donated))

    def __repr__(self) -> str:
        return f"Lowered({self.traced.name})"

    @property
    def in_info(self) -> Any:
        """Refer to `Traced.in_info`."""
        return self.traced.in_info

    @property
    def out_info(self) -> Any:
        """Refer to `Traced.out_info`."""
        return self.traced.out_info

    def as_text(self, dialect: str = "stablehlo", *, debug_info: bool = False) -> str:
        """Returns the text of the module.

        Args:
            dialect: `"stablehlo"`. Refer to `Compiled.as_text` for the compiler's own.
            debug_info: Whether to print the place in the user's code that each operation comes from.

        Raises:
            StageError: If there is no such text.
        """
        if dialect != "stablehlo":
            raise hinted(
                StageError(f"`as_text` of a lowered function expected the dialect 'stablehlo', but got {dialect!r}"),
                "`.compile().as_text()` gives the HLO that the compiler has optimized",
            )
        from ryft_mlir import PrintingOptions  # Loaded by now.

        return self.module.text(PrintingOptions(debug_information=debug_info))

    def cost_analysis(self) -> dict[str, Any]:
        """Returns the costs that the compiler estimates, such as `flops`, by name. This compiles the function."""
        return self.compile().cost_analysis()

    def compile(self, device: Any = None) -> Compiled:
        """Returns the function compiled for a device (the default device, if `None`)."""
        quick = self.traced.is_eager and is_tiny(self._program)
        kernel = compile_module(self.module, self._program, self._donated, device, quick=quick)
        captured = on_one_device((), self._captured, kernel.launcher.devices[0])
        entry = kernel.entry(self.traced.structure, len(self.traced.signature.types), self._order, captured)
        return Compiled(self.traced, kernel, self._order, entry)


class Compiled:
    """A compiled function. It is called with the arguments of the signature that it was traced for, less static ones.

    Attributes:
        traced: What was compiled.
        kernel: Executable and how it is launched.
    """

    def __init__(self, traced: Traced, kernel: Kernel, order: list[int], entry: Any) -> None:
        self.traced = traced
        self.kernel = kernel
        self.order = order
        self.entry = entry
        self.__name__ = traced.name

    def __repr__(self) -> str:
        return f"Compiled({self.traced.name})"

    @property
    def in_info(self) -> Any:
        """Refer to `Traced.in_info`."""
        return self.traced.in_info

    @property
    def out_info(self) -> Any:
        """Refer to `Traced.out_info`."""
        return self.traced.out_info

    @property
    def in_tree(self) -> trees.Structure:
        """Structure of the arguments that are not static, as `(positional, named)`."""
        return self.traced.signature.structure

    @property
    def out_tree(self) -> trees.Structure:
        """Structure of the results."""
        return self.traced.structure

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = trees.flatten_arguments(args, kwargs)
        signature = self.traced.signature
        if structure != signature.structure:
            difference = trees.structure_difference(signature.structure, structure, arguments=True) or ""
            text = f"`{self.traced.name}` was compiled for arguments of another structure"
            error = StructureError(f"{text}: {'; '.join(difference.splitlines())}")
            error.add_note(f"hint: static arguments are left out of the call; it takes {signature.structure}")
            raise error
        if STATE.trace is not STATE.base:
            raise StageError(f"the compiled function `{self.traced.name}` cannot be called while something is traced")
        arrays: list[DeviceArray] = []
        values = argument_leaves(leaves, structure, self)
        for index, (value, expected) in enumerate(zip(values, signature.types, strict=True)):
            if value.type.shape != expected.shape or value.type.dtype != expected.dtype:
                raise OperandError(
                    f"`{self.traced.leaf_names()[index]}` of the compiled function `{self.traced.name}` expected "
                    f"{expected}, but got {value.type}"
                )
            arrays.append(concrete(value))
        if calls_back(self.traced.program):
            return self.out_tree.unflatten(run_with_callbacks(self.kernel, self.inputs(arrays)))
        return self.entry.run(self, tuple(arrays))

    def input_name(self, kernel: Kernel, place: int) -> str:
        """Returns how to call an input of the kernel in a message."""
        if self.order[place] < 0:
            return f"an array that `{self.traced.name}` captured"
        return f"argument `{self.traced.leaf_names()[self.order[place]]}` of the compiled function `{self.traced.name}`"

    def inputs(self, arrays: Sequence[DeviceArray]) -> list[DeviceArray]:
        """Returns the inputs of the kernel for the arrays among the arguments."""
        captured = self.entry.captured
        return [arrays[number] if number >= 0 else captured[-1 - number] for number in self.order]

    def as_text(self) -> str:
        """Returns the program as the compiler has optimized it, as the text of an HLO module."""
        from ryft_xla_sys.hlo import hlo_text  # Loads `jaxlib`, which takes longer than Ryft itself.

        program = self.kernel.executable.executable.optimized_program()
        return hlo_text(program.code, with_config=program.format == "hlo_with_config")

    def cost_analysis(self) -> dict[str, Any]:
        """Returns the costs that the compiler estimates, such as `flops`, by name."""
        return dict(self.kernel.executable.executable.cost_analysis)

    def memory_analysis(self) -> Any:
        """Returns how much memory the program needs for its arguments, results, temporary values and code."""
        return self.kernel.executable.executable.memory_statistics()


def type_of(value: Any) -> ArrayType:
    """Returns the type of an argument of a function that is only traced: an array, a number, or a description of one.

    Anything with a `shape` and a `dtype` describes an array, such as an `ArrayType` or JAX's `ShapeDtypeStruct`.
    """
    if isinstance(value, ArrayType):
        return value
    if not isinstance(value, Value) and hasattr(value, "shape") and hasattr(value, "dtype"):
        return ArrayType(tuple(value.shape), numpy.dtype(value.dtype))
    return as_value(value).type
