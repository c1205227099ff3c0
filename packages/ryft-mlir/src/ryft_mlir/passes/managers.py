"""Pass managers, which run pipelines of passes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ryft_xla_sys.mlir import address, ir, passmanager, register_passes

from .._arguments import check_kind, check_nesting, text
from .._ownership import addresses, record_erased
from ..context import Context
from ..diagnostics import translate
from ..errors import OwnershipError, PassError
from ..modules import Module
from ..operations import Operation, wrap_operation
from .pipelines import Pass

__all__ = ["PassManager", "PassPrinting", "inside", "operation_of", "run_passes"]


@dataclass(frozen=True, kw_only=True)
class PassPrinting:
    """When to print the program while passes run.

    Attributes:
        before_all: Before every pass.
        after_all: After every pass.
        module_scope: Print the whole module and not just what the pass runs on.
        only_on_change: After a pass, only if it changed something.
        only_on_failure: After a pass, only if it failed.
        directory: Write one file for each pass below this directory instead of to the standard error stream.
    """

    before_all: bool = False
    after_all: bool = True
    module_scope: bool = False
    only_on_change: bool = False
    only_on_failure: bool = False
    directory: Path | str | None = None


class PassManager:
    """A pipeline of passes.

    Args:
        context: Context of the programs to run on.
        *passes: Passes, or the text of pipelines. The text may name the operation to run on, as in
            `"builtin.module(cse,func.func(canonicalize))"`.
        anchor: Name of the operation that the passes run on.
        verify_each: Whether to verify the program after every pass.
        printing: When to print the program.
        timing: Whether to print how long each pass took to the standard error stream.
        statistics: Whether to print the statistics that passes keep to the standard error stream.

    Raises:
        PassError: If a pass is not known, or an option not valid.
    """

    __slots__ = ("_anchor", "_context", "_failures", "_needs_one_thread", "_raw", "_running")

    def __init__(
        self,
        context: Context,
        *passes: Pass | str,
        anchor: str = "builtin.module",
        verify_each: bool = True,
        printing: PassPrinting | None = None,
        timing: bool = False,
        statistics: bool = False,
    ) -> None:
        register_passes()
        check_kind(context, Context, "a pass manager", "a context")
        if printing is not None:
            check_kind(printing, PassPrinting, "`printing`", "`PassPrinting`")
        self._context = context
        self._anchor = anchor
        self._running: Operation | None = None
        self._failures: list[BaseException] = []
        self._needs_one_thread = printing is not None
        self._raw: Any = passmanager.PassManager(text(anchor, "`anchor`"), context._raw)
        self._raw.enable_verifier(bool(verify_each))
        if printing is not None:
            self._enable_printing(printing)
        if timing:
            self._raw.enable_timing()
        if statistics:
            self._raw.enable_statistics()
        for item in passes:
            self.add(item)

    def add(self, item: Pass | str) -> None:
        """Appends a pass or the text of a pipeline.

        Raises:
            PassError: If a pass is not known, or an option not valid.
        """
        self._refuse_running()
        pipeline = text(str(item), "a pipeline").strip()
        prefix = f"{self._anchor}("
        if pipeline.startswith(prefix) and pipeline.endswith(")"):
            pipeline = pipeline[len(prefix) : -1]
        check_nesting(pipeline, "the pipeline")
        try:
            self._raw.add(pipeline)
        except (ValueError, ir.MLIRError) as error:
            reason = next((line for line in str(error).splitlines() if "error: " in line), str(error))
            raise PassError(f"cannot add the passes `{pipeline}`: {reason.rpartition('error: ')[2]}") from None

    def add_function(
        self, function: Callable[[Operation], bool | None], *, name: str | None = None, description: str = ""
    ) -> None:
        """Appends a pass written in Python.

        Args:
            function: Gets the operation that the pass manager runs on, which it may change, and returns `False` if the
                pass failed. An exception fails the pass and leaves `run`.
            name: Name of the pass. Defaults to that of the function.
            description: What the pass does.
        """

        self._refuse_running()
        if not callable(function):
            raise TypeError(f"a pass expected a function, but got {function!r}")

        def run(raw: Any, raw_pass: Any) -> None:
            running = self._running
            if running is None:
                raise PassError("a pass written in Python can only run through `PassManager.run`")
            # Earlier passes may have removed anything.
            record_erased(self._context, inside(running))
            operation = wrap_operation(self._context, running._owner, raw)
            try:
                succeeded = function(operation)
            except BaseException as error:
                self._failures.append(error)
                succeeded = False
            if succeeded is False:
                raw_pass.signal_pass_failure()

        self._raw.add(run, name=name or getattr(function, "__name__", "python"), argument="", description=description)
        self._needs_one_thread = True

    def run(self, target: Module | Operation) -> None:
        """Runs the passes on a module or operation, in place.

        Wrappers of operations, blocks and values inside it are stale afterwards: look them up again.

        Raises:
            OwnershipError: If a detached operation uses values of the module.
            PassError: If a pass failed; the module may then be in any valid or invalid state.
        """
        operation = operation_of(target)
        raw = operation.to_bindings()
        if operation._context is not self._context:
            raise PassError("the pass manager and the program belong to different contexts")
        self._refuse_running()
        if raw.name != self._anchor and self._anchor != "any":
            raise PassError(f"the pass manager runs on `{self._anchor}`, but got `{raw.name}`")
        owner = operation._owner.resolve()
        if owner.borrowers or owner.building:
            error = OwnershipError("cannot run passes while a detached operation uses values of the program")
            error.add_note("hint: append or erase it first")
            raise error
        if self._context._has_jumps or self._context._has_hazards:
            operation.verify()
        gone = inside(operation)
        self._running, self._failures = operation, []
        try:
            with self._context.one_thread() if self._needs_one_thread else nullcontext():
                self._raw.run(raw)
        except ir.MLIRError as error:
            if self._failures:
                raise self._failures[0] from None
            raise translate(error, PassError, f"a pass of `{self}` failed") from None
        finally:
            self._running = None
            record_erased(self._context, gone)

    def _refuse_running(self) -> None:
        if self._running is not None:
            raise PassError("the pass manager is running and can be neither changed nor run again")

    def __str__(self) -> str:
        return str(self._raw)

    def __repr__(self) -> str:
        return f"PassManager[{self._raw}]"

    def _enable_printing(self, printing: PassPrinting) -> None:
        # MLIR ends the process if asked to print while it may use several threads.
        with self._context.one_thread():
            self._raw.enable_ir_printing(
                print_before_all=bool(printing.before_all),
                print_after_all=bool(printing.after_all),
                print_module_scope=bool(printing.module_scope),
                print_after_change=bool(printing.only_on_change),
                print_after_failure=bool(printing.only_on_failure),
                tree_printing_dir_path=None if printing.directory is None else str(printing.directory),
            )


def run_passes(target: Module | Operation, *passes: Pass | str) -> None:
    """Runs passes on a module or operation, in place; see `PassManager`."""
    context = operation_of(target).context
    anchor = "builtin.module" if isinstance(target, Module) else target.name
    PassManager(context, *passes, anchor=anchor).run(target)


def operation_of(target: Module | Operation) -> Operation:
    """Returns what passes and patterns run on, as an operation."""
    if isinstance(target, Module):
        return target.operation
    check_kind(target, Operation, "MLIR", "a module or an operation")
    return target


def inside(operation: Operation) -> list[int]:
    """Returns the addresses of what passes may remove: all that is inside, but for the block of a module."""
    raw = operation.to_bindings()
    kept = {address(raw), *(address(result) for result in raw.results)}
    if raw.name == "builtin.module":
        kept.add(address(raw.regions[0].blocks[0]))
    return [item for item in addresses(raw) if item not in kept]
