"""The multi-slice extension: the configuration of a program that spans several slices of TPUs."""

from __future__ import annotations

from ryft_pjrt.executables import take_serialized
from ryft_pjrt.extensions._handles import Handle
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData

__all__ = ["MultiSliceConfiguration"]


class MultiSliceConfiguration(Handle):
    """How a program is spread over slices. The megascale extension makes it."""

    _subject = "multi-slice configuration"

    def __init__(self, api: Api, pointer: CData) -> None:
        super().__init__(
            api, pointer, lambda pointer: api.call_extension("MultiSlice", "config_destroy", config=pointer)
        )

    def _call(self, function: str) -> CData:
        with self._pin() as pointer:
            return self._api.call_extension("MultiSlice", f"config_{function}", config=pointer)

    @property
    def slice_count(self) -> int:
        """Number of slices."""
        return self._call("num_slices").num_slices

    @property
    def slice_id(self) -> int:
        """Number of this process's slice."""
        return self._call("slice_id").slice_id

    @property
    def devices_per_slice(self) -> dict[int, int]:
        """Number of devices of each slice."""
        with self._pin():
            found = self._call("num_devices_per_slice")
            try:
                count = found.num_devices_per_slice_map
                return {found.slice_ids[i]: found.num_devices[i] for i in range(count)}
            finally:
                if found.devices_per_slice_map_deleter != NULL:
                    found.devices_per_slice_map_deleter(found.devices_per_slice_map)

    def serialize(self) -> bytes:
        """Returns the configuration for `CompilationOptions.serialized_multi_slice_configuration`."""
        with self._pin():
            found = self._call("serialize")
            return take_serialized(
                found.serialized, found.size, found.serialized_config, found.serialized_config_deleter
            )
