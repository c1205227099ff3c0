"""The functions of a plugin that the native transfers call."""

from __future__ import annotations

from functools import cache

from ryft_pjrt.errors import UnimplementedError
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi

__all__ = ["transfer_functions"]

_NAMES: dict[str, str] = {
    "buffer_from_host_buffer": "PJRT_Client_BufferFromHostBuffer",
    "destroy_buffer": "PJRT_Buffer_Destroy",
    "destroy_event": "PJRT_Event_Destroy",
    "destroy_error": "PJRT_Error_Destroy",
    "is_ready": "PJRT_Event_IsReady",
    "on_ready": "PJRT_Event_OnReady",
    "event_error": "PJRT_Event_Error",
    "ready_event": "PJRT_Buffer_ReadyEvent",
}

_OPTIONAL: dict[str, str] = {
    "is_on_cpu": "PJRT_Buffer_IsOnCpu",
    "memory_layout": "PJRT_Buffer_GetMemoryLayout",
    "data_pointer": "PJRT_Buffer_OpaqueDeviceMemoryDataPointer",
    "increase_references": "PJRT_Buffer_IncreaseExternalReferenceCount",
    "decrease_references": "PJRT_Buffer_DecreaseExternalReferenceCount",
}


@cache
def transfer_functions(api: Api) -> CData:
    """Returns a `ryft_transfer_functions *`, which lives as long as the process, as plugins do."""
    functions = ffi.new("ryft_transfer_functions *", {field: api.function(name) for field, name in _NAMES.items()})
    for field, name in _OPTIONAL.items():
        try:
            setattr(functions, field, api.function(name))
        except UnimplementedError:
            setattr(functions, field, NULL)
    return functions
