"""Tests of compilation options: that they serialize as XLA's messages do, and what they reject."""

import dataclasses

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt import CompilationOptions, ExecutableCompilationOptions
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, OptionError
from ryft_xla_sys import protos

RENAMED = {
    "replica_count": "num_replicas",
    "partition_count": "num_partitions",
    "result_layout": "result_layout",
    "alias_passthrough_parameters": "alias_passthrough_params",
    "compilation_environments": "comp_envs",
    "optimization_effort": "exec_time_optimization_effort",
    "serialized_multi_slice_configuration": "serialized_multi_slice_config",
    "environment_option_overrides": "env_option_overrides",
}


def message_type(options: type) -> type:
    return {
        CompilationOptions: protos.CompileOptionsProto,
        ExecutableCompilationOptions: protos.ExecutableBuildOptionsProto,
    }[options]


@pytest.mark.parametrize("options", [CompilationOptions, ExecutableCompilationOptions])
def test_options_have_every_field_of_the_message(options: type) -> None:
    own = {RENAMED.get(field.name, field.name): field.metadata["number"] for field in dataclasses.fields(options)}
    theirs = {field.name: field.number for field in message_type(options).DESCRIPTOR.fields}

    assert own == theirs


def test_default_options_leave_the_device_open() -> None:
    message = CompilationOptions().proto()

    build = message.executable_build_options
    assert (build.device_ordinal, build.num_replicas, build.num_partitions) == (-1, 1, 1)


def test_executable_options_serialize_every_field() -> None:
    options = ExecutableCompilationOptions(
        device_ordinal=3,
        result_layout=pjrt.BufferSpecification("float32", (2,)),
        debug_options=protos.DebugOptions(xla_cpu_enable_fast_math=True),
        replica_count=2,
        partition_count=3,
        use_spmd_partitioning=True,
        use_auto_spmd_partitioning=True,
        deduplicate_hlo=True,
        device_assignment=pjrt.DeviceAssignment([[0, 1, 2], [3, 4, 5]]),
        alias_passthrough_parameters=True,
        run_backend_only=True,
        allow_spmd_sharding_propagation_to_output=(True, False),
        compilation_environments=protos.CompilationEnvironmentsProto(),
        fdo_profile=b"profile",
        device_memory_size=2**40,
        auto_spmd_partitioning_mesh_shape=(2, 3),
        auto_spmd_partitioning_mesh_ids=(5, 6),
        allow_spmd_sharding_propagation_to_parameters=(False, True),
        use_shardy_partitioner=True,
        optimization_effort=0.5,
        memory_fitting_effort=-0.25,
        process_index=1,
        process_count=2,
        optimization_level=pjrt.EffortLevel.O2,
        memory_fitting_level=pjrt.EffortLevel.O3,
        slice_size=4,
        gpu_topology=protos.GpuTopologyProto(num_partitions=7),
    )

    message = options.proto()

    for field in dataclasses.fields(options):
        value = getattr(message, RENAMED.get(field.name, field.name))
        own = getattr(options, field.name)
        if isinstance(own, (int, float, bytes)):
            assert value == own, field.name
        elif isinstance(own, tuple):
            assert tuple(value) == own, field.name
        elif hasattr(own, "SerializeToString"):
            assert value == own, field.name
    columns = [list(devices.replica_device_ids) for devices in message.device_assignment.computation_devices]
    assert columns == [
        [0, 3],
        [1, 4],
        [2, 5],
    ]
    assert list(message.result_layout.dimensions) == [2]


def test_compilation_options_serialize_every_field() -> None:
    options = CompilationOptions(
        argument_layouts=(pjrt.BufferSpecification("int8", (2,)), pjrt.BufferSpecification("int8", (3,))),
        parameter_is_tupled_arguments=True,
        compile_portable_executable=True,
        profile_version=9,
        serialized_multi_slice_configuration=b"slices",
        environment_option_overrides={"a": True, "b": 7, "c": 1.5, "d": "text"},
        target_config=protos.GpuTargetConfigProto(platform_name="CUDA"),
        allow_in_place_mlir_modification=True,
        matrix_unit_operand_precision=pjrt.Precision.HIGHEST,
        compiler_variant="variant",
        individually_defined_output_indices=(1, 2),
    )

    message = options.proto()

    assert [list(shape.dimensions) for shape in message.argument_layouts] == [[2], [3]]
    overrides = {
        name: getattr(value, value.WhichOneof("value")) for name, value in message.env_option_overrides.items()
    }
    assert overrides == {"a": True, "b": 7, "c": 1.5, "d": "text"}
    for name in (
        "parameter_is_tupled_arguments",
        "compile_portable_executable",
        "profile_version",
        "target_config",
        "allow_in_place_mlir_modification",
        "matrix_unit_operand_precision",
        "compiler_variant",
    ):
        assert getattr(message, name) == getattr(options, name)
    assert message.serialized_multi_slice_config == b"slices"
    assert list(message.individually_defined_output_indices) == [1, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"device_ordinal": "0"}, "`device_ordinal` expected `int`, but got '0' of type `str`"),
        ({"device_ordinal": True}, "`device_ordinal` expected `int`, but got True of type `bool`"),
        ({"use_spmd_partitioning": 1}, "`use_spmd_partitioning` expected `bool`, but got 1 of type `int`"),
        ({"fdo_profile": "x"}, "`fdo_profile` expected `bytes`"),
        ({"optimization_effort": "x"}, "`optimization_effort` expected `float`"),
    ],
)
def test_options_reject_values_of_another_type(values: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        ExecutableCompilationOptions(**values)


@pytest.mark.parametrize("count", [0, -1, 2**31])
def test_options_reject_counts_that_make_no_sense(count: int) -> None:
    with pytest.raises(ArgumentError, match=f"`replica_count` expected a positive 32-bit number, but got {count}"):
        ExecutableCompilationOptions(replica_count=count)
    with pytest.raises(ArgumentError, match="`partition_count` expected a positive 32-bit number"):
        ExecutableCompilationOptions(partition_count=count)


def test_options_reject_an_assignment_of_another_size() -> None:
    with pytest.raises(ArgumentError, match=r"expected 2 replica\(s\) of 1 partition\(s\), but got 1 of 2"):
        ExecutableCompilationOptions(replica_count=2, device_assignment=pjrt.DeviceAssignment([[0, 1]]))


def test_options_reject_messages_and_overrides_of_another_type() -> None:
    with pytest.raises(ArgumentTypeError, match="a compilation option expected a message, but got `int`"):
        CompilationOptions(target_config=3).serialize()
    with pytest.raises(OptionError, match=r"option override `a` expected a bool, int, float or str, but got \[1\]"):
        CompilationOptions(environment_option_overrides={"a": [1]}).serialize()


def test_options_reach_the_compiler(client: pjrt.Client, programs: object) -> None:
    executable = client.compile(
        programs.ADD, CompilationOptions(environment_option_overrides={"xla_cpu_enable_fast_math": True})
    )
    assert executable.name == "main"
    with pytest.raises(pjrt.errors.InvalidArgumentError, match="No such compile option: 'xla_nonsense'"):
        client.compile(programs.ADD, CompilationOptions(environment_option_overrides={"xla_nonsense": True}))
    assignment = pjrt.DeviceAssignment([[3]])
    moved = client.compile(
        programs.ADD,
        CompilationOptions(executable_build_options=ExecutableCompilationOptions(device_assignment=assignment)),
    )
    assert moved.devices == (client.devices[3],)
    assert moved.device_assignment == assignment
