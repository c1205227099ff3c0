"""Protobuf messages of XLA: compile options, shapes, shardings, HLO modules, topologies, GPU targets and profiles.

The messages keep the names, numbers and wire format of XLA, in a protobuf package of our own. Importing this package
loads the `protobuf` runtime, so import it where it is needed, not at the top of a module that must start fast.
"""

from ryft_xla_sys.protos.compile_options_pb2 import (
    CompilationEnvironmentsProto,
    CompileOptionsProto,
    ExecutableAndOptionsProto,
    ExecutableBuildOptionsProto,
    ExecuteOptionsProto,
    ExecutionOptions,
    OptionOverrideProto,
    PjRtPartialProgramProto,
)
from ryft_xla_sys.protos.debug_options_pb2 import DebugOptions
from ryft_xla_sys.protos.executables_pb2 import (
    CompiledMemoryStatsProto,
    PjRtExecutableAbiVersionProto,
    PjRtExecutableMetadata,
    PjRtRuntimeAbiVersionProto,
)
from ryft_xla_sys.protos.gpu_pb2 import (
    AutotuneResult,
    AutotuneResults,
    CudaComputeCapabilityProto,
    GpuDeviceInfoProto,
    GpuTargetConfigProto,
    RocmComputeCapabilityProto,
)
from ryft_xla_sys.protos.hlo_pb2 import (
    BufferAssignmentProto,
    HloComputationProto,
    HloInstructionProto,
    HloModuleConfigProto,
    HloModuleProto,
    HloModuleProtoWithConfig,
    HloProto,
)
from ryft_xla_sys.protos.profiles_pb2 import ProfileOptions, XEvent, XLine, XPlane, XSpace, XStat
from ryft_xla_sys.protos.topologies_pb2 import CpuTopologyProto, GpuTopologyProto, PjRtTopologyDescriptionProto
from ryft_xla_sys.protos.xla_data_pb2 import (
    DeviceAssignmentProto,
    LayoutProto,
    LiteralProto,
    MeshProto,
    NamedShardingProto,
    OpMetadata,
    OpSharding,
    PrecisionConfig,
    PrimitiveType,
    ProgramShapeProto,
    ShapeProto,
    TileProto,
)

__all__ = [
    "AutotuneResult",
    "AutotuneResults",
    "BufferAssignmentProto",
    "CompilationEnvironmentsProto",
    "CompileOptionsProto",
    "CompiledMemoryStatsProto",
    "CpuTopologyProto",
    "CudaComputeCapabilityProto",
    "DebugOptions",
    "DeviceAssignmentProto",
    "ExecutableAndOptionsProto",
    "ExecutableBuildOptionsProto",
    "ExecuteOptionsProto",
    "ExecutionOptions",
    "GpuDeviceInfoProto",
    "GpuTargetConfigProto",
    "GpuTopologyProto",
    "HloComputationProto",
    "HloInstructionProto",
    "HloModuleConfigProto",
    "HloModuleProto",
    "HloModuleProtoWithConfig",
    "HloProto",
    "LayoutProto",
    "LiteralProto",
    "MeshProto",
    "NamedShardingProto",
    "OpMetadata",
    "OpSharding",
    "OptionOverrideProto",
    "PjRtExecutableAbiVersionProto",
    "PjRtExecutableMetadata",
    "PjRtPartialProgramProto",
    "PjRtRuntimeAbiVersionProto",
    "PjRtTopologyDescriptionProto",
    "PrecisionConfig",
    "PrimitiveType",
    "ProfileOptions",
    "ProgramShapeProto",
    "RocmComputeCapabilityProto",
    "ShapeProto",
    "TileProto",
    "XEvent",
    "XLine",
    "XPlane",
    "XSpace",
    "XStat",
]
