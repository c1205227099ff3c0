"""Which version of the PJRT C API brought what. The major version has always been 0; the tables hold minor versions.

Functions, fields and extensions that are not listed are as old as the oldest plugin that Ryft works with.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BASE_MINOR", "EXTENSION_MINORS", "FIELD_MINORS", "FUNCTION_MINORS"]

BASE_MINOR: int = 81
"""Version that has everything which the tables do not list: that of the CPU plugin whose header the build reads."""

FUNCTION_MINORS: Mapping[str, int] = {
    "PJRT_Client_CreateErrorBuffer": 82,
    "PJRT_AsyncHostToDeviceTransferManager_TransferLiteral": 83,
    "PJRT_Buffer_CopyRawToHostFuture": 84,
    "PJRT_Device_PoisonExecution": 85,
    "PJRT_Device_CreateAsyncTrackingEvent": 86,
    "PJRT_AsyncTrackingEvent_Destroy": 86,
    "PJRT_Executable_GetCompileOptions": 87,
    "PJRT_Buffer_DonateWithControlDependency": 88,
    "PJRT_Event_Create": 89,
    "PJRT_Event_Set": 89,
    "PJRT_Device_GetAttributes": 92,
    "PJRT_Client_Load": 95,
    "PJRT_LoadedExecutable_AddressableDeviceLogicalIds": 96,
    "PJRT_Buffer_Bitcast": 98,
    "PJRT_Error_ForEachPayload": 99,
    "PJRT_TopologyDescription_Fingerprint": 101,
    "PJRT_Executable_ParameterMemoryKinds": 102,
    "PJRT_Device_ClearMemoryStats": 106,
    "PJRT_TopologyDescription_MakeCanonicalShapeForMemorySpace": 109,
    "PJRT_TopologyDescription_GetMemorySpaceKindIds": 110,
}
"""Functions appended to the table of a plugin."""

FIELD_MINORS: Mapping[tuple[str, str], int] = {
    ("PJRT_Executable_GetCompiledMemoryStats_Args", "total_size_in_bytes"): 90,
    ("PJRT_ExecuteOptions", "multi_slice_config"): 97,
    ("PJRT_Device_PoisonExecution_Args", "payload"): 100,
    ("PJRT_Device_PoisonExecution_Args", "num_payload"): 100,
    ("PJRT_Client_CreateErrorBuffer_Args", "payload"): 103,
    ("PJRT_Client_CreateErrorBuffer_Args", "num_payload"): 103,
    ("PJRT_Executable_GetCompiledMemoryStats_Args", "total_allocation_bytes"): 104,
    ("PJRT_Executable_GetCompiledMemoryStats_Args", "indefinite_allocations"): 104,
    ("PJRT_Executable_GetCompiledMemoryStats_Args", "peak_unpadded_heap_bytes"): 104,
    ("PJRT_ExecuteOptions", "use_major_to_minor_data_layout_for_callbacks"): 108,
    ("PJRT_Executable_DeserializeAndLoad_Args", "load_options"): 111,
    ("PJRT_ExecuteOptions", "hlo_output_callbacks"): 112,
    ("PJRT_ExecuteOptions", "num_hlo_output_callbacks"): 112,
    ("PJRT_Device_MemoryStats_Args", "peak_allocated_bytes"): 113,
    ("PJRT_Device_MemoryStats_Args", "peak_allocated_bytes_is_set"): 113,
}
"""Fields appended to structs, by struct and field. An older plugin ignores them and leaves results among them zero."""

EXTENSION_MINORS: Mapping[str, int] = {
    "TpuTopology": 91,
    "TpuExecutable": 91,
    "Megascale": 91,
    "Shardings": 91,
    "AbiVersion": 94,
    "Collectives": 94,
    "MultiSlice": 103,
    "HostMemoryAllocator": 103,
    "XlaTransform": 114,
    "Rma": 115,
}
"""Extensions, by the version that is known to have each; some came a few versions earlier."""
