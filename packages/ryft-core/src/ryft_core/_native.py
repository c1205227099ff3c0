"""The door to the native module `ryft_core._dispatch`, with what a type checker has to know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "ArrayBase",
    "Dispatcher",
    "Entry",
    "Plan",
    "PrimitiveBase",
    "State",
    "configure",
    "forget_kernels",
    "remember_kernel",
]

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ryft_core.tracing.traces import Trace
    from ryft_core.types.array_types import ArrayType
    from ryft_pjrt import Buffer, Device

    class State:
        """What differs from thread to thread: the current trace."""

        base: Trace
        trace: Trace

    class ArrayBase:
        """Owner of the device memory of an array."""

        _donation: tuple[Any, Any, int, int] | None

        def __init__(self, buffer: Buffer, type: ArrayType) -> None: ...

        @property
        def buffer(self) -> Buffer: ...

        @property
        def device(self) -> Device: ...

    class Plan:
        """What to do with arguments of a type."""

        def __init__(
            self,
            code: int,
            kind: object = None,
            flatten: object = None,
            fields: tuple[str, ...] = (),
            statics: tuple[str, ...] = (),
            holds_statics: bool = False,
        ) -> None: ...

    class Entry:
        """How to execute calls of one signature."""

        keep: Any
        captured: tuple[Any, ...]

        def __init__(
            self,
            launcher: int,
            keep: object,
            leaf_count: int,
            order: tuple[int, ...],
            captured: tuple[Any, ...],
            types: tuple[ArrayType, ...],
            origins: tuple[tuple[Any, Any, Any], ...],
            build: Any,
            donated: tuple[int, ...],
        ) -> None: ...

        def run(self, function: Any, leaves: tuple[Any, ...], /) -> Any: ...

    class Dispatcher:
        """Function whose calls are looked up by their signature; `_miss` gets those that are not known."""

        _static_positions: tuple[bool, ...] | None
        _static_names: frozenset[str] | None
        _donates: bool
        _hits: int
        _entries: int

        def _remember(self, args: tuple[Any, ...], kwargs: dict[str, Any], entry: Entry, /) -> bool: ...

        def _forget(self) -> None: ...

    class PrimitiveBase:
        """What `Primitive` inherits: `bind`, which looks up compiled kernels where nothing is traced."""

        def bind(self, *operands: Any) -> Any: ...

    def configure(
        *,
        execute: int,
        release: int,
        adopt: Callable[..., Buffer],
        array: type,
        literal: type,
        convert: Callable[[Any], Any],
        plan: Callable[[Any], Plan],
        directory: str,
    ) -> None: ...

    def remember_kernel(primitive: Any, operands: Sequence[Any], entry: Entry, /) -> bool: ...

    def forget_kernels() -> None: ...

else:
    from ryft_core._dispatch import (
        ArrayBase,
        Dispatcher,
        Entry,
        Plan,
        PrimitiveBase,
        State,
        configure,
        forget_kernels,
        remember_kernel,
    )
