"""Execution of programs that call back into Python, so that they can never wait for one another for ever.

A callback runs on a thread of the plugin. If it uses Ryft, what it starts needs another of these threads, of which
there are few: enough calls at once, or deep enough ones, and each waits for a thread that another holds. So fewer
programs with callbacks run at a time than there are threads, and a program with callbacks that a callback itself starts
is evaluated operation by operation, in the callback's own thread. So is one that has waited for its turn for long: a
callback may be waiting for the thread that it belongs to.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import BoundedSemaphore, local
from typing import TYPE_CHECKING

from ryft_core.arrays import DeviceArray
from ryft_core.dispatch import concrete
from ryft_core.programs.programs import Program
from ryft_core.tracing.traces import STATE, using_trace
from ryft_xla_sys.errors import PjrtError

if TYPE_CHECKING:
    from ryft_core.compilation import Kernel

__all__ = ["calls_back", "inside_callback", "run_with_callbacks"]

# The CPU plugin has a thread for each core, and at least one for each device.
_SLOTS = BoundedSemaphore(max(1, (os.cpu_count() or 1) - 1))
_PATIENCE = 0.5
"""Seconds to wait for a turn."""


class _Depth(local):
    """How many callbacks the current thread is in."""

    depth = 0


_DEPTH = _Depth()


class inside_callback:  # noqa: N801 (reads as a statement)
    """Context manager within which this thread is running a callback."""

    def __enter__(self) -> None:
        _DEPTH.depth += 1

    def __exit__(self, *_: object) -> None:
        _DEPTH.depth -= 1


def calls_back(program: Program) -> bool:
    """Returns whether a program, or one that it holds, calls Python functions."""

    def find() -> bool:
        programs = (program, *program.subprograms())
        return any(equation.primitive.calls_back for part in programs for equation in part.equations)

    return program.derived("calls_back", find)


def run_with_callbacks(kernel: Kernel, arrays: Sequence[DeviceArray]) -> list[DeviceArray]:
    """Runs a program that has callbacks, waits until it is done, and returns its results.

    Raises:
        BaseException: What a callback raised, with its own traceback.
    """
    if _DEPTH.depth or not _SLOTS.acquire(timeout=_PATIENCE):
        with using_trace(STATE.base):
            return [concrete(value) for value in kernel.program.evaluate(*arrays)]
    try:
        (results,) = kernel.executable.execute([array.buffer for array in arrays], donate=kernel.donated)
        results.done.wait()
    except PjrtError as error:
        if error.__cause__ is None:
            raise
        raise error.__cause__ from None
    finally:
        _SLOTS.release()
    return [
        DeviceArray(buffer, type) for buffer, type in zip(results.outputs, kernel.program.output_types, strict=True)
    ]
