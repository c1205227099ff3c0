"""Handlers of the XLA FFI, in C and in Python, called by programs on the CPU plugin."""

from __future__ import annotations

import ctypes
import gc
import itertools
import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy
import pytest

from ryft_xla_sys import errors, ffi_calls
from ryft_xla_sys.api import Api
from ryft_xla_sys.ffi import NULL, ffi, lib
from ryft_xla_sys.ffi_calls import CallFrame, FrameBuffer, FrameError
from ryft_xla_sys.handler_exceptions import recover_exception

NATIVE = Path(__file__).parents[2] / "packages" / "ryft-xla-sys" / "native"
F32 = 11
names = (f"ryft_test_{number}" for number in itertools.count())


@pytest.fixture(scope="module", autouse=True)
def callback_target(cpu_api: Api) -> str:
    """Target under which the handler of all callbacks is registered."""
    ffi_calls.register_handler(cpu_api, "ryft_test_callback", ffi_calls.CALLBACK_HANDLER)
    return "ryft_test_callback"


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Compiles the handlers in C, and returns them by name."""
    path = tmp_path_factory.mktemp("handlers") / "handlers.so"
    source = Path(__file__).parent / "data" / "handlers.c"
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{NATIVE}", "-o", str(path), str(source)], check=True)
    library = ctypes.CDLL(str(path))

    def handler(name: str) -> Any:
        return ffi.cast("XLA_FFI_Handler *", ctypes.cast(getattr(library, name), ctypes.c_void_p).value)

    return handler


def program(target: str, attributes: str, operand: str = "tensor<2x3xf32>", result: str = "tensor<2x3xf32>") -> str:
    return f"""module @m {{ func.func public @main(%x: {operand}) -> {result} {{
      %0 = stablehlo.custom_call @{target}(%x) {{api_version = 4 : i32, backend_config = {{{attributes}}}}}
        : ({operand}) -> {result}
      return %0 : {result}
    }} }}"""


def call(runner: Any, target: str, attributes: str = "", context: Any = None) -> numpy.ndarray[Any, Any]:
    """Runs a custom call on a matrix of 0 to 5, and returns its result."""
    operand = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
    result = numpy.full((2, 3), -1, numpy.float32)
    executable = runner.compile(program(target, attributes))
    buffer = runner.buffer(operand, F32)
    try:
        runner.run(executable, [buffer], [result], context)
    finally:
        runner.api.call("PJRT_Buffer_Destroy", buffer=buffer)
        runner.api.call("PJRT_LoadedExecutable_Destroy", executable=executable)
    return result


def call_python(runner: Any, function: Callable[[CallFrame], object], attributes: str = "", context: Any = None) -> Any:
    """Runs a custom call whose handler is a Python function."""
    number = ffi_calls.register_callback(function)
    try:
        extra = f", {attributes}" if attributes else ""
        return call(runner, "ryft_test_callback", f"callback = {number} : i64{extra}", context)
    finally:
        ffi_calls.unregister_callback(number)


def inspect(runner: Any, read: Callable[[CallFrame], Any], attributes: str = "", context: Any = None) -> Any:
    """Returns what `read` makes of a call frame, after checking that it did not fail."""
    seen: list[Any] = []
    call_python(runner, lambda frame: seen.append(read(frame)), attributes, context)
    return seen[0]


def test_handler_in_c_is_called(cpu_api: Api, runner: Any, handlers: Callable[[str], Any]) -> None:
    target = next(names)
    ffi_calls.register_handler(cpu_api, target, handlers("scale"))

    assert call(runner, target, "factor = 2.5 : f32").tolist() == [[0, 2.5, 5], [7.5, 10, 12.5]]


def test_handler_in_c_reports_its_error(cpu_api: Api, runner: Any, handlers: Callable[[str], Any]) -> None:
    target = next(names)
    ffi_calls.register_handler(cpu_api, target, handlers("scale"))

    with pytest.raises(errors.OutOfRangeError, match="the factor is zero"):
        call(runner, target, "factor = 0.0 : f32")


def test_handler_of_another_version_is_refused(cpu_api: Api, handlers: Callable[[str], Any]) -> None:
    message = r"cannot register handler `late`: plugin .* has XLA FFI 0.2, but the handler was compiled for 9.4"

    with pytest.raises(errors.PluginError, match=message):
        ffi_calls.register_handler(cpu_api, "late", handlers("from_the_future"))


def test_handler_that_does_not_tell_its_version_is_refused(cpu_api: Api, handlers: Callable[[str], Any]) -> None:
    with pytest.raises(errors.PluginError, match="does not tell which version it was compiled for"):
        ffi_calls.register_handler(cpu_api, "silent", handlers("silent"))


def test_handler_that_is_null_is_refused(cpu_api: Api) -> None:
    with pytest.raises(errors.PluginError, match="the XLA FFI handler is a null pointer"):
        ffi_calls.register_handler(cpu_api, "null", NULL)


def test_name_that_is_taken_is_refused(cpu_api: Api, handlers: Callable[[str], Any]) -> None:
    ffi_calls.register_handler(cpu_api, "ryft_test_callback", ffi_calls.CALLBACK_HANDLER)

    message = "a handler for `ryft_test_callback` on platform `Host` was registered before"
    with pytest.raises(errors.AlreadyExistsError, match=message):
        ffi_calls.register_handler(cpu_api, "ryft_test_callback", handlers("scale"))


def test_plugin_without_the_ffi_is_refused(fake_api: Api) -> None:
    with pytest.raises(errors.UnimplementedError, match="extension `FFI` is not implemented"):
        ffi_calls.register_handler(fake_api, "target", ffi_calls.CALLBACK_HANDLER)


def test_versions_of_the_plugin_and_of_our_handlers_agree(cpu_api: Api) -> None:
    handler = ffi_calls.make_handler(lambda frame: None)

    assert ffi_calls.ffi_version(cpu_api) == (0, 2)
    assert ffi_calls.handler_version(ffi_calls.CALLBACK_HANDLER, cpu_api) == (0, 2)
    assert ffi_calls.handler_version(handler, cpu_api) == (0, 2)


def test_handler_in_python_is_called_under_a_name_of_its_own(cpu_api: Api, runner: Any) -> None:
    def double(frame: CallFrame) -> None:
        numpy.multiply(frame.operands[0].array(), 2, out=frame.results[0].array(writeable=True))

    target = next(names)
    ffi_calls.register_handler(cpu_api, target, ffi_calls.make_handler(double))
    gc.collect()

    assert call(runner, target).tolist() == [[0, 2, 4], [6, 8, 10]]


def test_handler_in_python_under_a_name_of_its_own_reports_its_error(cpu_api: Api, runner: Any) -> None:
    def fail(frame: CallFrame) -> None:
        raise errors.DataLossError("it is gone")

    target = next(names)
    ffi_calls.register_handler(cpu_api, target, ffi_calls.make_handler(fail))

    with pytest.raises(errors.DataLossError, match="it is gone"):
        call(runner, target)


def test_callback_is_called_by_its_number(runner: Any) -> None:
    def increment(frame: CallFrame) -> None:
        numpy.add(frame.operands[0].array(), 1, out=frame.results[0].array(writeable=True))

    assert call_python(runner, increment).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_callbacks_have_numbers_of_their_own() -> None:
    numbers = [ffi_calls.register_callback(lambda frame: None) for _ in range(3)]
    for number in numbers:
        ffi_calls.unregister_callback(number)
        ffi_calls.unregister_callback(number)

    assert len(set(numbers)) == 3


def test_callback_that_was_unregistered_is_an_error(runner: Any) -> None:
    number = ffi_calls.register_callback(lambda frame: None)
    ffi_calls.unregister_callback(number)

    with pytest.raises(errors.NotFoundError, match=f"there is no Python callback with number {number}"):
        call(runner, "ryft_test_callback", f"callback = {number} : i64")


@pytest.mark.parametrize("attributes", ["", "callback = 1 : i32", "callbacks = 1 : i64", 'callback = "1"'])
def test_callback_without_its_number_is_an_error(runner: Any, attributes: str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="an attribute `callback` that is a 64-bit integer"):
        call(runner, "ryft_test_callback", attributes)


def test_operands_cannot_be_written_and_results_only_on_request(runner: Any) -> None:
    def read(frame: CallFrame) -> list[bool]:
        arrays = [frame.operands[0].array(), frame.results[0].array(), frame.results[0].array(writeable=True)]
        return [array.flags.writeable for array in arrays]

    assert inspect(runner, read) == [False, False, True]


def test_frame_tells_types_and_shapes(runner: Any) -> None:
    def read(frame: CallFrame) -> tuple[Any, ...]:
        buffers = frame.operands + frame.results
        assert all(buffer.pointer for buffer in buffers)
        return len(frame.operands), [(b.code, b.shape, b.data_type) for b in buffers], frame.stage

    description = (F32, (2, 3), numpy.dtype(numpy.float32))
    assert inspect(runner, read) == (1, [description, description], 3)


def test_frame_tells_the_device_and_the_run(runner: Any) -> None:
    assert inspect(runner, lambda frame: (frame.device_ordinal, frame.run_id)) == (0, 0)


def test_frame_counts_the_threads_of_the_host(runner: Any) -> None:
    assert inspect(runner, lambda frame: frame.thread_count) > 0


@pytest.mark.parametrize(
    "use",
    [
        lambda frame: frame.stream,
        lambda frame: frame.allocate_device_memory(64, 64),
        lambda frame: frame.free_device_memory(64, 64),
    ],
)
def test_what_only_gpus_have_is_an_error(runner: Any, use: Callable[[CallFrame], object]) -> None:
    with pytest.raises(errors.PjrtError, match="GPU context is not available"):
        call_python(runner, use)


def test_attributes_become_python_values(runner: Any) -> None:
    attributes = (
        'text = "h\\C3\\A9", flag = true, no = false, small = -3 : i8, big = 9007199254740993 : i64,'
        "wide = 1.5 : f64, single = 0.5 : f32, byte = 200 : ui8,"
        "list = array<i64: 1, 2, 3>, reals = array<f32: 0.5, 1.5>, none = array<i32>,"
        'tree = {leaf = 7 : i32, branch = {name = "twig"}}, empty = {}'
    )

    read = inspect(runner, lambda frame: frame.attributes, attributes)

    del read["callback"]
    arrays = {name: read.pop(name) for name in ("list", "reals", "none")}
    assert read == {
        "text": "hé",
        "flag": True,
        "no": False,
        "small": -3,
        "big": 9007199254740993,
        "wide": 1.5,
        "single": 0.5,
        "byte": 200,
        "tree": {"leaf": 7, "branch": {"name": "twig"}},
        "empty": {},
    }
    assert isinstance(read["flag"], bool)
    assert {name: (array.dtype, array.tolist()) for name, array in arrays.items()} == {
        "list": (numpy.int64, [1, 2, 3]),
        "reals": (numpy.float32, [0.5, 1.5]),
        "none": (numpy.int32, []),
    }


def test_attributes_outlive_the_call(runner: Any) -> None:
    read = inspect(runner, lambda frame: frame.attributes, 'text = "kept", list = array<i64: 4, 5>')
    gc.collect()

    assert (read["text"], read["list"].tolist()) == ("kept", [4, 5])


@pytest.mark.parametrize(
    ("kind", "code"),
    [("i1", 1), ("i8", 2), ("ui16", 7), ("i64", 5), ("f16", 10), ("bf16", 16), ("f64", 12), ("complex<f32>", 15)],
)
def test_element_types_are_those_of_numpy(runner: Any, kind: str, code: int) -> None:
    pjrt = {1: 1, 2: 2, 7: 7, 5: 5, 10: 10, 16: 13, 12: 12, 15: 14}[code]
    data_type = ffi_calls.DATA_TYPES[code]
    operand = numpy.array([0, 1, 1, 0]).astype(data_type)
    result = numpy.zeros(4, data_type)

    def copy(frame: CallFrame) -> None:
        assert frame.operands[0].code == code
        frame.results[0].array(writeable=True)[...] = frame.operands[0].array()

    number = ffi_calls.register_callback(copy)
    tensor = f"tensor<4x{kind}>"
    executable = runner.compile(program("ryft_test_callback", f"callback = {number} : i64", tensor, tensor))
    runner.run(executable, [runner.buffer(operand, pjrt)], [result])

    assert numpy.array_equal(result, operand)


def test_empty_and_scalar_buffers_are_read(runner: Any) -> None:
    seen: list[Any] = []
    number = ffi_calls.register_callback(
        lambda frame: seen.extend((b.shape, b.array().shape) for b in frame.operands + frame.results)
    )
    text = program("ryft_test_callback", f"callback = {number} : i64", "tensor<0x3xf32>", "tensor<f32>")
    operand, result = numpy.zeros((0, 3), numpy.float32), numpy.zeros((), numpy.float32)
    runner.run(runner.compile(text), [runner.buffer(operand, F32)], [result])

    assert seen == [((0, 3), (0, 3)), ((), ())]


def test_many_operands_are_read(runner: Any) -> None:
    count, seen = 40, []
    number = ffi_calls.register_callback(lambda frame: seen.extend(float(b.array()[0, 1]) for b in frame.operands))
    operands = ", ".join(f"%x{i}: tensor<1x2xf32>" for i in range(count))
    types = ", ".join(["tensor<1x2xf32>"] * count)
    values = ", ".join(f"%x{i}" for i in range(count))
    text = f"""module @m {{ func.func public @main({operands}) -> tensor<f32> {{
      %0 = stablehlo.custom_call @ryft_test_callback({values})
        {{api_version = 4 : i32, backend_config = {{callback = {number} : i64}}}} : ({types}) -> tensor<f32>
      return %0 : tensor<f32>
    }} }}"""
    buffers = [runner.buffer(numpy.array([[0, i]], numpy.float32), F32) for i in range(count)]
    runner.run(runner.compile(text), buffers, [numpy.zeros((), numpy.float32)])

    assert seen == list(range(count))


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        (ZeroDivisionError("division by zero"), errors.InternalError),
        (errors.ResourceExhaustedError("out of memory"), errors.ResourceExhaustedError),
        (ValueError("a null \0 inside, and \ud800"), errors.InternalError),
        (KeyboardInterrupt(), errors.CancelledError),
        (SystemExit(3), errors.CancelledError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exception_becomes_an_error_and_is_its_cause(
    runner: Any, exception: BaseException, kind: type[errors.PjrtError]
) -> None:
    def fail(frame: CallFrame) -> None:
        raise exception

    with pytest.raises(kind, match=type(exception).__name__) as caught:
        call_python(runner, fail)

    assert caught.value.__cause__ is exception
    assert recover_exception(str(caught.value)) is exception


def test_exception_whose_text_fails_becomes_an_error(runner: Any) -> None:
    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    def fail(frame: CallFrame) -> None:
        raise UnprintableError

    with pytest.raises(errors.InternalError, match="UnprintableError: its text is not available"):
        call_python(runner, fail)


def test_only_the_latest_exceptions_are_kept(runner: Any) -> None:
    messages: list[str] = []
    for number in range(70):

        def fail(frame: CallFrame, number: int = number) -> None:
            raise ValueError(number)

        with pytest.raises(errors.InternalError) as caught:
            call_python(runner, fail)
        messages.append(str(caught.value))

    assert recover_exception(messages[0]) is None
    assert recover_exception(messages[-1]).args == (69,)


def test_message_without_a_reference_recovers_nothing() -> None:
    assert recover_exception("something else") is None


def test_exception_that_escapes_the_dispatch_is_an_error(
    cpu_api: Api, runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(function: object, frame: object) -> None:
        raise RecursionError("too deep")

    target = next(names)
    ffi_calls.register_handler(cpu_api, target, ffi_calls.make_handler(lambda frame: None))
    monkeypatch.setattr(ffi_calls, "_run", broken)

    with pytest.raises(errors.InternalError, match="RecursionError"):
        call_python(runner, lambda frame: None)
    with pytest.raises(errors.InternalError, match="RecursionError"):
        call(runner, target)


@pytest.mark.parametrize("name", ["pointer", "attributes", "stage", "device_ordinal", "run_id", "stream"])
def test_frame_cannot_be_used_after_its_handler_has_returned(runner: Any, name: str) -> None:
    frame = inspect(runner, lambda frame: frame)

    with pytest.raises(errors.ClosedError, match="the handler that was given it has returned"):
        getattr(frame, name)


def test_frame_of_a_handler_that_failed_cannot_be_used(runner: Any) -> None:
    kept: list[CallFrame] = []

    def fail(frame: CallFrame) -> None:
        kept.append(frame)
        raise ValueError

    with pytest.raises(errors.InternalError):
        call_python(runner, fail)
    with pytest.raises(errors.ClosedError, match="has returned"):
        kept[0].unsafe_user_data(1)


def test_user_data_of_an_execution_is_found(cpu_api: Api, runner: Any) -> None:
    context = cpu_api.call("PJRT_ExecuteContext_Create").context
    name = ffi.new("char[]", b"ryft_test_type")
    information = ffi.new("PJRT_FFI_Type_Info *")
    type_id = cpu_api.call_extension(
        "FFI", "type_register", type_name=name, type_name_size=14, type_info=information
    ).type_id
    data = ffi.new("int *", 77)
    user_data = {"type_id": type_id, "data": data}
    cpu_api.call_extension("FFI", "user_data_add", context=context, user_data=user_data)

    def read(frame: CallFrame) -> tuple[int, str]:
        with pytest.raises(errors.PjrtError, match="not found") as caught:
            frame.unsafe_user_data(type_id + 1000)
        return ffi.cast("int *", frame.unsafe_user_data(type_id))[0], caught.value.function

    try:
        assert inspect(runner, read, context=context) == (77, "XLA_FFI_ExecutionContext_Get")
    finally:
        cpu_api.call("PJRT_ExecuteContext_Destroy", context=context)


def test_callbacks_run_from_several_threads_at_once(runner: Any) -> None:
    def triple(frame: CallFrame) -> None:
        numpy.multiply(frame.operands[0].array(), 3, out=frame.results[0].array(writeable=True))

    number = ffi_calls.register_callback(triple)
    executable = runner.compile(program("ryft_test_callback", f"callback = {number} : i64"))
    wrong: list[Any] = []

    def work(seed: int) -> None:
        operand = numpy.full((2, 3), seed, numpy.float32)
        for _ in range(50):
            result = numpy.zeros((2, 3), numpy.float32)
            buffer = runner.buffer(operand, F32)
            runner.run(executable, [buffer], [result])
            runner.api.call("PJRT_Buffer_Destroy", buffer=buffer)
            if not numpy.array_equal(result, 3 * operand):
                wrong.append(result)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@pytest.mark.parametrize("code", [21, 17, 99])
def test_buffer_without_a_numpy_type_is_refused(code: int) -> None:
    with pytest.raises(FrameError, match=re.escape(f"elements are whole bytes, but got XLA element type {code}")):
        FrameBuffer(0, code, (2,)).array()


def test_frame_with_something_that_is_no_buffer_is_refused() -> None:
    kinds = ffi.new("XLA_FFI_ArgType[]", 1)
    frame = ffi.new("XLA_FFI_CallFrame *")
    frame.args.size, frame.args.types = 1, ffi.cast("XLA_FFI_ArgType *", ffi.cast("int *", kinds))
    ffi.cast("int *", kinds)[0] = 5

    with pytest.raises(FrameError, match="expected every operand and result of the custom call to be a buffer"):
        CallFrame(frame)


def test_attribute_of_an_unknown_kind_is_refused() -> None:
    name = ffi.new("char[]", b"odd")
    span = ffi.new("XLA_FFI_ByteSpan *", {"ptr": name, "len": 3})
    kinds = ffi.new("int[]", [9])
    frame = ffi.new("XLA_FFI_CallFrame *")
    spans, values = ffi.new("XLA_FFI_ByteSpan *[]", [span]), ffi.new("void *[]", 1)
    frame.attrs.size, frame.attrs.types = 1, ffi.cast("XLA_FFI_AttrType *", kinds)
    frame.attrs.names, frame.attrs.attrs = spans, values

    with pytest.raises(FrameError, match="attribute `odd` of the custom call has a kind that is not known: 9"):
        CallFrame(frame).attributes


def test_function_that_the_table_lacks_is_refused() -> None:
    table = ffi.new("XLA_FFI_Api *", {"struct_size": 48})
    table.api_version.minor_version = 1
    frame = ffi.new("XLA_FFI_CallFrame *", {"api": table})

    with pytest.raises(errors.UnimplementedError, match="`XLA_FFI_RunId_Get` is not implemented by XLA FFI"):
        CallFrame(frame).run_id


def test_data_types_are_numbered_as_xla_numbers_them() -> None:
    types = {
        name.removeprefix("XLA_FFI_DataType_"): code for name, code in ffi.typeof("XLA_FFI_DataType").relements.items()
    }

    assert ffi_calls.DATA_TYPES[types["PRED"]] == numpy.bool_
    assert ffi_calls.DATA_TYPES[types["C128"]] == numpy.complex128
    assert ffi_calls.DATA_TYPES[types["F8E4M3FN"]] == ml_dtypes.float8_e4m3fn
    assert set(ffi_calls.DATA_TYPES) == set(types.values()) - {types[name] for name in SMALL}
    assert NULL == ffi.NULL
    assert lib.XLA_FFI_CallFrame_STRUCT_SIZE == 168


SMALL = ("INVALID", "TOKEN", "S1", "S2", "S4", "U1", "U2", "U4", "F4E2M1FN")
