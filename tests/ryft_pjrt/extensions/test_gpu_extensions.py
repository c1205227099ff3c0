"""Extensions of GPUs, against the test plugin: streams, Triton kernels, custom calls, custom partitioners."""

import ctypes
from collections.abc import Sequence
from typing import Any

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentError, ArgumentTypeError, InternalError, InvalidArgumentError, OutOfRangeError
from ryft_pjrt.extensions.custom_partitioners import (
    Operand,
    Partition,
    register_batch_partitionable,
    register_custom_partitioner,
)
from ryft_pjrt.extensions.gpu_custom_calls import register_gpu_custom_call
from ryft_pjrt.extensions.stream import stream_for_external_ready_events, wait_until_ready_on_stream
from ryft_pjrt.extensions.triton import TritonKernel, compile_triton_kernel


def test_streams_are_numbers(fake_client: pjrt.Client, fake_buffer: pjrt.Buffer, control: Any) -> None:
    stream = stream_for_external_ready_events(fake_client.devices[0])
    wait_until_ready_on_stream(fake_buffer, stream)

    assert stream == 4711
    assert control.call("waited_stream") == 4711


def test_triton_kernel_is_compiled_for_the_architecture_of_a_device(fake_client: pjrt.Client, control: Any) -> None:
    kernel = compile_triton_kernel(fake_client.devices[0], "module", warp_count=8)

    assert kernel == TritonKernel(b"module for 9.0, 8 1 3", 1024)


def test_triton_kernel_is_compiled_for_a_named_architecture(fake: pjrt.Plugin, control: Any) -> None:
    kernel = compile_triton_kernel(fake, b"module", "gfx942", cta_count=2, stage_count=5)

    assert kernel.assembly == b"module for gfx942, 4 2 5"


def test_triton_kernel_checks_its_arguments(fake: pjrt.Plugin, control: Any) -> None:
    with pytest.raises(ArgumentError, match=r"`architecture` expected a name such as `9\.0`"):
        compile_triton_kernel(fake, b"module")
    for name in ("warp_count", "cta_count", "stage_count"):
        with pytest.raises(ArgumentError, match=f"`{name}` expected a positive 32-bit number, but got 0"):
            compile_triton_kernel(fake, b"module", "9.0", **{name: 0})
    control.return_null(True)
    with pytest.raises(InvalidArgumentError, match="a kernel without code"):
        compile_triton_kernel(fake, b"module", "9.0")


def test_gpu_custom_calls_are_registered(fake: pjrt.Plugin, control: Any) -> None:
    register_gpu_custom_call(fake, "name", 0x10, instantiate=0x20)
    assert control.call("registered") == b"name 1 0x20 (nil) (nil) 0x10"
    register_gpu_custom_call(fake, "other", 0x10, typed=False)
    assert control.call("registered") == b"other 0 (nil) (nil) (nil) 0x10"


def test_gpu_custom_calls_take_functions_of_ctypes(fake: pjrt.Plugin, control: Any) -> None:
    function = ctypes.CFUNCTYPE(None)(lambda: None)
    register_gpu_custom_call(fake, "name", function)

    address = ctypes.cast(function, ctypes.c_void_p).value
    assert control.call("registered") == f"name 1 (nil) (nil) (nil) {address:#x}".encode()


def test_gpu_custom_calls_check_their_arguments(fake: pjrt.Plugin, control: Any) -> None:
    with pytest.raises(ArgumentError, match="an untyped custom call expected `execute` only"):
        register_gpu_custom_call(fake, "name", 0x10, prepare=0x20, typed=False)
    with pytest.raises(ArgumentError, match="`execute` expected the address of a function, but got 0x0"):
        register_gpu_custom_call(fake, "name", 0)
    with pytest.raises(ArgumentTypeError, match="`execute` expected an address"):
        register_gpu_custom_call(fake, "name", "function")


class Partitioner:
    """Partitioner that tells what it was asked."""

    def partition(self, operands: Sequence[Operand], result: Operand, configuration: bytes) -> Partition:
        assert operands == [Operand(b"s0", b"h0"), Operand(b"s1", None)]
        assert (result, configuration) == (Operand(b"s2", b"h2"), b"c")
        return Partition(b"module", [b"a", b"b"], b"r")

    def infer_sharding(self, operands: Sequence[Operand], result_shape: bytes, configuration: bytes) -> bytes | None:
        return result_shape + b"/" + configuration

    def propagate_user_sharding(self, result_shape: bytes, sharding: bytes, configuration: bytes) -> bytes:
        return sharding + b"/" + configuration


def ask(control: Any) -> str:
    target = ctypes.create_string_buffer(4096)
    control.call("partition", target)
    return target.value.decode()


def test_custom_partitioner_answers(fake: pjrt.Plugin, control: Any) -> None:
    register_custom_partitioner(fake, "call", Partitioner())

    assert ask(control) == "module=module;first=a;second=b;result=r;inferred=s2/c;propagated=h2/c;"


def test_custom_partitioner_that_fails_reports_its_error(fake: pjrt.Plugin, control: Any) -> None:
    class Broken(Partitioner):
        def partition(self, operands: Sequence[Operand], result: Operand, configuration: bytes) -> Partition:
            return Partition(b"", [], b"")

        def infer_sharding(self, *arguments: Any) -> bytes | None:
            return None

        def propagate_user_sharding(self, *arguments: Any) -> bytes:
            raise OutOfRangeError("too far")

    register_custom_partitioner(fake, "call", Broken())

    first, second = (part for part in ask(control).split(";") if part)
    assert first == "error 13:=ValueError: `partition` expected 2 operand sharding(s), but got 0"
    assert second == "error 11:=OutOfRangeError: too far"


def test_batch_partitionable_calls_are_registered(fake: pjrt.Plugin, control: Any) -> None:
    register_batch_partitionable(fake, "call")
    assert control.call("batch_partitionable") == b"call"
    control.fail_next(13)
    with pytest.raises(InternalError, match="the plugin misbehaves"):
        register_batch_partitionable(fake, "call")
