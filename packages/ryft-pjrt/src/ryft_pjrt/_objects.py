"""The types of the hot path, from the second extension module in the library of `ryft_xla_sys`."""

from __future__ import annotations

from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING, Any

from ryft_xla_sys import _native

__all__ = ["BufferBase", "LauncherBase", "new_capsule", "take_capsule"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ryft_pjrt.buffers import Buffer
    from ryft_pjrt.clients import Client
    from ryft_pjrt.data_types import ArrayType
    from ryft_pjrt.devices import Device

    class BufferBase:
        """Owner of a device buffer, with what is known of it."""

        client: Client
        type: ArrayType
        device: Device

        @property
        def _owner_address(self) -> int: ...

        @classmethod
        def _adopt(cls, owner: int, client: Client, type: ArrayType, device: Device, /) -> Buffer: ...

    class LauncherBase:
        """Prepared execution. Calling it executes and wraps the outputs; `_fail` is called to explain a failure."""

        def __init__(
            self,
            launcher: int,
            buffer_class: Any,
            client: Client,
            types: tuple[ArrayType, ...],
            devices: tuple[Device, ...],
            /,
        ) -> None: ...

        def __call__(self, arguments: Sequence[Buffer], /) -> list[Buffer]: ...

        def _launch(self, arguments: Sequence[Buffer], options: int, events: int, /) -> list[Buffer]: ...

    def new_capsule(address: int, versioned: bool, /) -> object: ...

    def take_capsule(capsule: object, /) -> tuple[int, bool]: ...

else:
    _NAME = f"{__package__}._objects"
    _LOADER = ExtensionFileLoader(_NAME, _native.__file__)
    _MODULE = module_from_spec(spec_from_file_location(_NAME, _native.__file__, loader=_LOADER))
    _LOADER.exec_module(_MODULE)
    BufferBase = _MODULE.BufferBase
    LauncherBase = _MODULE.LauncherBase
    new_capsule = _MODULE.new_capsule
    take_capsule = _MODULE.take_capsule
