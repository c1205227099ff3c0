"""Handlers in Python and in C, registered with the CPU plugin and called by programs."""

import ctypes
import itertools
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    AlreadyExistsError,
    ArgumentError,
    ArgumentTypeError,
    ClosedError,
    InternalError,
    NotFoundError,
    PjrtError,
    PluginError,
    ResourceExhaustedError,
    UnimplementedError,
)
from ryft_pjrt.extensions import ffi as extension
from ryft_pjrt.extensions.ffi import HandlerCall
from ryft_xla_sys.ffi import ffi

REPOSITORY = Path(__file__).parents[3]
names = (f"ryft_pjrt_test_{number}" for number in itertools.count())


def program(name: str, attributes: str = "", type: str = "tensor<2x3xf32>") -> str:
    return f"""module {{ func.func @main(%x: {type}) -> {type} {{
      %0 = stablehlo.custom_call @{name}(%x) {{api_version = 4 : i32, backend_config = {{{attributes}}}}}
        : ({type}) -> {type}
      return %0 : {type}
    }} }}"""


@pytest.fixture
def matrix() -> numpy.ndarray:
    return numpy.arange(6, dtype=numpy.float32).reshape(2, 3)


@pytest.fixture
def call(client: pjrt.Client, matrix: numpy.ndarray) -> Callable[..., pjrt.Buffer]:
    """Registers a function, and calls it from a program with a matrix of 0 to 5."""

    def run(function: Callable[[HandlerCall], object], attributes: str = "") -> pjrt.Buffer:
        name = next(names)
        extension.register_python_handler(client, name, function)
        return client.compile(program(name, attributes))(client.buffer(matrix))

    return run


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ctypes.CDLL]:
    path = tmp_path_factory.mktemp("handlers") / "handlers.so"
    source = REPOSITORY / "tests/ryft_xla_sys/data/handlers.c"
    include = REPOSITORY / "packages/ryft-xla-sys/native"
    subprocess.run(["cc", "-shared", "-fPIC", f"-I{include}", "-o", str(path), str(source)], check=True)
    return ctypes.CDLL(str(path))


def double(call: HandlerCall) -> None:
    numpy.multiply(call.operands[0], 2, out=call.results[0])


def test_python_handler_reads_operands_and_writes_results(call: Callable, matrix: numpy.ndarray) -> None:
    assert numpy.array_equal(call(double).to_numpy(), 2 * matrix)


def test_python_handler_is_told_of_the_call(call: Callable) -> None:
    seen = {}

    def handle(call: HandlerCall) -> None:
        seen["attributes"] = call.attributes
        seen["operand"] = call.operand_buffers[0].shape
        seen["result"] = call.result_buffers[0].data_type
        seen["writeable"] = call.operands[0].flags.writeable, call.results[0].flags.writeable
        seen["device"] = call.device_ordinal
        seen["run"] = type(call.run_id)
        call.results[0][...] = 0

    call(handle, 'count = 3 : i64, name = "a", on = true, list = array<i32: 1, 2>').block_until_ready()

    assert seen["attributes"].pop("list").tolist() == [1, 2]
    assert seen == {
        "attributes": {"count": 3, "name": "a", "on": True},
        "operand": (2, 3),
        "result": numpy.float32,
        "writeable": (False, True),
        "device": 0,
        "run": int,
    }


@pytest.mark.parametrize(
    ("exception", "kind"),
    [
        (ZeroDivisionError("no"), InternalError),
        (ResourceExhaustedError("full"), ResourceExhaustedError),
        (KeyboardInterrupt(), PjrtError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_exception_of_a_handler_is_the_cause_of_every_error_of_the_execution(
    client: pjrt.Client, programs: SimpleNamespace, exception: BaseException, kind: type[PjrtError]
) -> None:
    def guilty(call: HandlerCall) -> None:
        raise exception

    name = next(names)
    extension.register_python_handler(client, name, guilty)
    executable = client.compile(program(name, type="tensor<512x512xf32>"))
    # The execution has to wait for its operand, so it fails after it was started.
    operand = client.compile(programs.SLOW)(client.buffer(numpy.zeros((512, 512), numpy.float32)))
    (outputs,) = executable.execute([operand])

    for wait in (outputs.done.wait, outputs.outputs[0].block_until_ready, outputs.outputs[0].to_numpy):
        with pytest.raises(kind, match=type(exception).__name__) as caught:
            wait()
        assert caught.value.__cause__ is exception
    error = outputs.outputs[0].ready().error()
    assert error is not None
    assert error.__cause__ is exception
    assert "guilty" in "".join(traceback.format_tb(exception.__traceback__))


def test_exception_of_a_handler_that_runs_at_once_is_the_cause_of_the_error(call: Callable) -> None:
    def fail(call: HandlerCall) -> None:
        raise LookupError("nothing")

    with pytest.raises(InternalError, match="LookupError: nothing") as caught:
        call(fail)

    assert isinstance(caught.value.__cause__, LookupError)


def test_handler_may_compile_and_execute(call: Callable, client: pjrt.Client, programs: SimpleNamespace) -> None:
    def handle(call: HandlerCall) -> None:
        values = numpy.repeat(call.operands[0], 2)[:8]
        with client.buffer(values) as buffer, client.compile(programs.ADD) as add:
            call.results[0][...] = add(buffer, buffer).to_numpy().sum()

    assert call(handle).to_numpy().flat[0] == 2 * (0 + 0 + 1 + 1 + 2 + 2 + 3 + 3)


def test_handlers_may_execute_on_eight_threads_at_once(client: pjrt.Client, add: pjrt.LoadedExecutable) -> None:
    def handle(call: HandlerCall) -> None:
        with client.buffer(call.operands[0]) as buffer:
            call.results[0][...] = add(buffer, buffer).to_numpy()

    name = next(names)
    extension.register_python_handler(client, name, handle)
    executable = client.compile(program(name, type="tensor<8xf32>"))
    wrong = []

    def work(seed: int) -> None:
        for number in range(20):
            values = numpy.full(8, seed * number, numpy.float32)
            if not numpy.array_equal(executable(client.buffer(values)).to_numpy(), 2 * values):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


def test_handler_may_wait_for_a_handler(client: pjrt.Client, matrix: numpy.ndarray) -> None:
    inner, outer = next(names), next(names)
    extension.register_python_handler(client, inner, double)
    executable = client.compile(program(inner))

    def handle(call: HandlerCall) -> None:
        call.results[0][...] = executable(client.buffer(call.operands[0])).to_numpy() + 1

    extension.register_python_handler(client, outer, handle)

    assert numpy.array_equal(client.compile(program(outer))(client.buffer(matrix)).to_numpy(), 2 * matrix + 1)


@pytest.mark.parametrize("which", ["operands", "results"])
def test_view_that_a_handler_keeps_fails_the_execution(call: Callable, which: str) -> None:
    kept = []

    def handle(call: HandlerCall) -> None:
        call.results[0][...] = 0
        kept.append(getattr(call, which)[0][:1])

    with pytest.raises(InternalError, match="has kept a view of an operand or a result"):
        call(handle).block_until_ready()


def test_view_in_a_reference_cycle_does_not_fail_the_execution(call: Callable) -> None:
    def handle(call: HandlerCall) -> None:
        cycle = [call.operands[0]]
        cycle.append(cycle)
        call.results[0][...] = 0

    call(handle).block_until_ready()


def test_call_cannot_be_used_after_its_handler_has_returned(call: Callable) -> None:
    kept = []
    call(lambda call: kept.append(call)).block_until_ready()

    for name in ("operands", "results", "attributes", "device_ordinal", "run_id"):
        with pytest.raises(ClosedError, match="has returned"):
            getattr(kept[0], name)


@pytest.mark.parametrize(
    "use",
    [
        lambda call: call.stream,
        lambda call: call.allocate_device_memory(64),
        lambda call: call.free_device_memory(64, 64),
    ],
)
def test_what_only_gpus_have_is_an_error(call: Callable, use: Callable) -> None:
    with pytest.raises(PjrtError, match="GPU context is not available"):
        call(use).block_until_ready()


def test_sizes_of_device_memory_are_checked(call: Callable) -> None:
    with pytest.raises(InternalError, match="`size` expected an integer from 1 to"):
        call(lambda call: call.allocate_device_memory(0)).block_until_ready()


def test_threads_of_the_host_are_counted(call: Callable) -> None:
    counts: list[int] = []
    call(lambda call: counts.append(call.thread_count)).block_until_ready()
    assert counts[0] > 0


def test_views_on_other_platforms_are_refused() -> None:
    with pytest.raises(UnimplementedError, match="cannot read operands and results on platform `CUDA`"):
        _ = HandlerCall(SimpleNamespace(operands=()), "CUDA").operands


def test_name_that_is_taken_is_refused(client: pjrt.Client) -> None:
    name = next(names)
    extension.register_python_handler(client, name, double)

    with pytest.raises(AlreadyExistsError, match=f"`{name}`"):
        extension.register_python_handler(client.plugin, name, double)


def test_registration_checks_its_arguments(plugin: pjrt.Plugin) -> None:
    with pytest.raises(ArgumentTypeError, match="`function` expected a function, but got `int`"):
        extension.register_python_handler(plugin, "x", 3)
    for name in ("", "a\0b"):
        with pytest.raises(ArgumentError, match="`name` expected text without null characters"):
            extension.register_python_handler(plugin, name, double)
    with pytest.raises(ArgumentTypeError, match="expected a plugin or a client, but got `str`"):
        extension.register_python_handler("cpu", "x", double)


def test_handler_in_c_is_called(client: pjrt.Client, handlers: ctypes.CDLL, matrix: numpy.ndarray) -> None:
    function = handlers.scale
    address = ctypes.cast(function, ctypes.c_void_p).value

    for handler in (address, function, ffi.cast("XLA_FFI_Handler *", address)):
        name = next(names)
        extension.register_handler(client, name, handler)
        extension.register_handler(client, name, handler)
        executable = client.compile(program(name, "scale = 3.0 : f32"))
        assert numpy.array_equal(executable(client.buffer(matrix)).to_numpy(), 3 * matrix)


@pytest.mark.parametrize(
    ("handler", "error", "message"),
    [
        (0, ArgumentError, "expected the address of a function, but got 0x0"),
        (-1, ArgumentError, "expected the address of a function"),
        (2**64, ArgumentError, "expected the address of a function"),
        ("fill", ArgumentTypeError, "but got `str`"),
        (ffi.NULL, ArgumentTypeError, "expected an address"),
    ],
    ids=str,
)
def test_handler_in_c_without_an_address_is_refused(
    client: pjrt.Client, handler: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        extension.register_handler(client, next(names), handler)


def test_handler_in_c_of_another_version_is_refused(client: pjrt.Client, handlers: ctypes.CDLL) -> None:
    with pytest.raises(PluginError, match="the handler was compiled for"):
        extension.register_handler(client, next(names), handlers.from_the_future)


def test_host_kernels_solve(client: pjrt.Client) -> None:
    extension.register_host_kernels(client)
    matrix = numpy.array([[4, 2], [2, 5]], numpy.float64)
    code = """module { func.func @main(%x: tensor<2x2xf64>) -> (tensor<2x2xf64>, tensor<i32>) {
      %0:2 = stablehlo.custom_call @lapack_dpotrf_ffi(%x) {
          api_version = 4 : i32, mhlo.backend_config = {uplo = 76 : ui8}, backend_config = {uplo = 76 : ui8},
          operand_layouts = [dense<[0, 1]> : tensor<2xindex>],
          result_layouts = [dense<[0, 1]> : tensor<2xindex>, dense<> : tensor<0xindex>]}
        : (tensor<2x2xf64>) -> (tensor<2x2xf64>, tensor<i32>)
      return %0#0, %0#1 : tensor<2x2xf64>, tensor<i32>
    } }"""

    factor, status = client.compile(code)(client.buffer(matrix))

    assert status.to_numpy() == 0
    assert numpy.allclose(numpy.tril(factor.to_numpy()), numpy.linalg.cholesky(matrix))


def test_host_kernel_that_is_unknown_is_refused(client: pjrt.Client) -> None:
    with pytest.raises(NotFoundError, match="`lapack_nothing`"):
        extension.register_host_kernels(client, ["lapack_nothing"])


def test_type_has_one_number(plugin: pjrt.Plugin) -> None:
    name = next(names)
    number = extension.register_type(plugin, name)

    assert number > 0
    assert extension.register_type(plugin, next(names)) != number


def test_user_data_of_an_execution_is_found(client: pjrt.Client, matrix: numpy.ndarray) -> None:
    kind = extension.UserDataType[list[str]](client, next(names))
    seen = []

    def handle(call: HandlerCall) -> None:
        seen.append(kind.unsafe_get(call))
        call.results[0][...] = 0

    name = next(names)
    extension.register_python_handler(client, name, handle)
    executable = client.compile(program(name))
    value = ["data"]
    with client.execution_context() as context:
        kind.add(context, value)
        with pytest.raises(PjrtError, match=r"exist|already"):
            kind.add(context, value)
        (outputs,) = executable.execute([[client.buffer(matrix)]], context=context)
        outputs.done.wait()

    assert seen[0] is value
    with pytest.raises(ClosedError, match="closed"):
        kind.add(context, value)


def test_user_data_that_was_not_added_is_an_error(client: pjrt.Client, matrix: numpy.ndarray) -> None:
    kind, other = (extension.UserDataType[str](client, next(names)) for _ in range(2))
    name = next(names)
    extension.register_python_handler(client, name, kind.unsafe_get)
    with client.execution_context() as context:
        other.add(context, "data")
        executable = client.compile(program(name))
        with pytest.raises(PjrtError, match="not found"):
            executable.execute([client.buffer(matrix)], context=context)
