"""Extensions of programs and runtimes, against the test plugin: versions, metadata, phases, callbacks, TPU programs."""

import threading
from typing import Any

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    ArgumentError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from ryft_pjrt.extensions import abi_versions, callbacks, tpu_executables
from ryft_pjrt.extensions.executable_metadata import executable_metadata
from ryft_pjrt.extensions.phase_compile import PhaseCompiler
from ryft_xla_sys.protos import PjRtExecutableAbiVersionProto, PjRtRuntimeAbiVersionProto


def test_versions_are_compared(
    fake: pjrt.Plugin, fake_client: pjrt.Client, fake_executable: pjrt.Executable, control: Any
) -> None:
    runtime = abi_versions.runtime_abi_version(fake_client)
    program = abi_versions.executable_abi_version(fake_executable)
    other = abi_versions.RuntimeAbiVersion.deserialize(fake, b"other")
    needy = abi_versions.ExecutableAbiVersion.deserialize(fake, b"other")

    runtime.check_compatible(program)
    runtime.check_compatible(abi_versions.RuntimeAbiVersion.deserialize(fake, runtime.serialize()))
    other.check_compatible(needy)
    for version in (other, needy):
        with pytest.raises(FailedPreconditionError, match="the versions differ"):
            runtime.check_compatible(version)


def test_versions_are_messages(fake_client: pjrt.Client, fake_executable: pjrt.Executable, control: Any) -> None:
    runtime = abi_versions.runtime_abi_version(fake_client)
    program = abi_versions.executable_abi_version(fake_executable)

    assert runtime.proto() == PjRtRuntimeAbiVersionProto(platform=7, version=b"a")
    assert program.proto() == PjRtExecutableAbiVersionProto(platform=7, version=b"a")
    assert (runtime.platform_id, program.platform_id) == (7, 7)


def test_malformed_version_is_an_error(fake: pjrt.Plugin, control: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="the version is too long"):
        abi_versions.RuntimeAbiVersion.deserialize(fake, bytes(65))


def test_metadata_are_a_message(fake_executable: pjrt.Executable, control: Any) -> None:
    assert executable_metadata(fake_executable).compiled_memory_stats.argument_size_in_bytes == 7


def test_malformed_metadata_are_an_error(fake_executable: pjrt.Executable, control: Any) -> None:
    control.call("malformed_metadata", True)
    with pytest.raises(InvalidArgumentError, match="the metadata of `test` are malformed"):
        executable_metadata(fake_executable)
    control.call("malformed_metadata", False)
    control.return_null(True)
    with pytest.raises(InvalidArgumentError, match="metadata handle is a null pointer"):
        executable_metadata(fake_executable)


def test_phases_are_run(fake: pjrt.Plugin, fake_topology: pjrt.Topology, control: Any) -> None:
    with PhaseCompiler(fake) as compiler:
        assert compiler.phase_names() == ("parse", "optimize")
        assert compiler.run([b"program"], ["parse"], fake_topology) == (b"parse(program)",)
        with pytest.raises(ArgumentError, match=r"`phases` expected names among .* but got 'link'"):
            compiler.run([b"program"], ["link"], fake_topology)
        with pytest.raises(ArgumentError, match="`phases` expected at least one name"):
            compiler.run([b"program"], [], fake_topology)
        control.fail_next(14)
        with pytest.raises(UnavailableError, match="the plugin misbehaves"):
            compiler.run([b"program"], ["parse"], fake_topology)


def test_callbacks_are_called(fake_client: pjrt.Client, control: Any) -> None:
    seen: list[callbacks.RuntimeEvent] = []
    callbacks.register_callback(fake_client, callbacks.PrefatalEvent, seen.append)
    callbacks.register_callback(fake_client, callbacks.SliceFailureEvent, seen.append)

    callbacks.invoke_callback(fake_client, callbacks.PrefatalEvent(NotFoundError("gone")))
    callbacks.invoke_callback(fake_client, callbacks.SliceFailureEvent(callbacks.SliceFailure.CHIP_DRIVER))

    assert isinstance(seen[0], callbacks.PrefatalEvent)
    assert (type(seen[0].error), str(seen[0].error)) == (NotFoundError, "gone")
    assert seen[1] == callbacks.SliceFailureEvent(callbacks.SliceFailure.CHIP_DRIVER)


def test_exception_of_a_callback_is_reported(
    fake_client: pjrt.Client, control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", reported.append)

    def fail(event: callbacks.RuntimeEvent) -> None:
        raise KeyboardInterrupt

    callbacks.register_callback(fake_client, callbacks.SliceFailureEvent, fail)
    callbacks.invoke_callback(fake_client, callbacks.SliceFailureEvent(callbacks.SliceFailure.UNKNOWN))

    (report,) = reported
    assert report.exc_type is KeyboardInterrupt


def test_facts_about_programs_for_tpus(fake: pjrt.Plugin, fake_executable: pjrt.Executable, control: Any) -> None:
    assert tpu_executables.target_arguments(fake_executable) == b"target of program"
    assert tpu_executables.hlo_module_with_config(fake_executable) == b"module of program"
    assert tpu_executables.compiled_memory_statistics(fake_executable).argument_size_in_bytes == 7
    assert tpu_executables.cost_analysis(fake, b"target", [b"one", b"two"]) == {"flops": 2.0}
    assert tpu_executables.set_compilation_environment(fake, b"environment") == b"complete environment"
    assert tpu_executables.compilation_environment_field(fake, b"", "name") == "value of name"
    assert tpu_executables.is_predetermined_error(fake, b"abc")
    with pytest.raises(NotFoundError, match="there is no such field"):
        tpu_executables.compilation_environment_field(fake, b"", "other")
