"""Tests of executions: results, the checks before them, donation, several devices."""

import asyncio
import gc
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import (
    ArgumentError,
    ArgumentTypeError,
    BufferInUseError,
    ClosedError,
    PjrtError,
)
from ryft_pjrt.testing import live_objects

TWO = """
module {
  func.func @main(%x: tensor<8xf32>, %y: tensor<i32>) -> (tensor<8xf32>, tensor<i32>, tensor<0x3xf32>) {
    %e = stablehlo.constant dense<> : tensor<0x3xf32>
    return %x, %y, %e : tensor<8xf32>, tensor<i32>, tensor<0x3xf32>
  }
}
"""

NOTHING = "module { func.func @main() { return } }"

CONSTANT = """
module {
  func.func @main() -> tensor<i32> {
    %c = stablehlo.constant dense<7> : tensor<i32>
    return %c : tensor<i32>
  }
}
"""


def replicated(count: int, **options: object) -> pjrt.CompilationOptions:
    build = pjrt.ExecutableCompilationOptions(replica_count=count, **options)
    return pjrt.CompilationOptions(executable_build_options=build)


def test_call_gives_the_one_output(client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray) -> None:
    result = add(client.buffer(eight), client.buffer(eight + 1))

    assert (str(result.type), result.device) == ("f32[8]", client.addressable_devices[0])
    numpy.testing.assert_array_equal(result.to_numpy(), 2 * eight + 1)


def test_call_gives_a_tuple_of_several_outputs(client: pjrt.Client, eight: numpy.ndarray) -> None:
    outputs = client.compile(TWO)(client.buffer(eight), client.buffer(numpy.int32(3)))

    assert [str(output.type) for output in outputs] == ["f32[8]", "i32[]", "f32[0,3]"]
    assert [output.to_numpy().tolist() for output in outputs] == [eight.tolist(), 3, []]


def test_programs_without_arguments_or_outputs(client: pjrt.Client) -> None:
    assert client.compile(CONSTANT)().to_numpy() == 7
    assert client.compile(NOTHING)() == ()


def test_outputs_are_arguments_of_further_executions(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    buffer = client.buffer(eight)
    for _ in range(10):
        buffer = add(buffer, buffer)

    numpy.testing.assert_array_equal(buffer.to_numpy(), eight * 1024)


def test_launcher_executes_lists_and_tuples_and_iterables(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    launcher = add.launcher()
    x = client.buffer(eight)

    for arguments in ([x, x], (x, x), iter((x, x))):
        (output,) = launcher(arguments)
        numpy.testing.assert_array_equal(output.to_numpy(), eight * 2)


def test_execution_takes_many_arguments(client: pjrt.Client) -> None:
    count = 300
    parameters = ", ".join(f"%x{i}: tensor<f32>" for i in range(count))
    results = ", ".join(f"%x{i}" for i in range(count))
    types = ", ".join(["tensor<f32>"] * count)
    program = f"module {{ func.func @main({parameters}) -> ({types}) {{ return {results} : {types} }} }}"

    outputs = client.compile(program)(*[client.buffer(numpy.float32(i)) for i in range(count)])

    assert [float(output.to_numpy()) for output in outputs] == list(map(float, range(count)))


def test_execution_rejects_wrong_numbers_of_arguments(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    x = client.buffer(eight)

    for count in (0, 1, 3, 200):
        with pytest.raises(ArgumentError, match=rf"the program expected 2 argument\(s\), but got {count}"):
            add(*[x] * count)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (numpy.zeros(7, numpy.float32), r"argument 1 expected f32\[8\], but got f32\[7\]"),
        (numpy.zeros(8, numpy.int32), r"argument 1 expected f32\[8\], but got i32\[8\]"),
        (numpy.zeros(8), r"argument 1 expected f32\[8\], but got f64\[8\]"),
        (numpy.zeros((8, 1), numpy.float32), r"argument 1 expected f32\[8\], but got f32\[8,1\]"),
    ],
)
def test_execution_rejects_arguments_of_another_type(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray, array: numpy.ndarray, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        add(client.buffer(eight), client.buffer(array))


def test_execution_rejects_arguments_of_another_device_or_client(
    plugin: pjrt.Plugin, client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    x = client.buffer(eight)

    with pytest.raises(ArgumentError, match=r"argument 0 expected a buffer on CpuDevice\(id=0\), but got one on") as e:
        add(client.buffer(eight, client.devices[1]), x)
    assert e.value.__notes__ == ["hint: copy it there with `buffer.copy_to_device(device)`"]
    with plugin.client() as other, pytest.raises(ArgumentError, match=r"argument 1 .* but got one of another client"):
        add(x, other.buffer(eight))


@pytest.mark.parametrize("value", [None, 3, numpy.zeros(8, numpy.float32), "x"])
def test_execution_rejects_what_is_not_a_buffer(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray, value: object
) -> None:
    with pytest.raises(ArgumentTypeError, match=f"argument 1 expected a buffer, but got `{type(value).__name__}`"):
        add(client.buffer(eight), value)  # pyright: ignore[reportArgumentType]


def test_execution_rejects_closed_arguments_and_executables(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.ADD)
    x, y = client.buffer(eight), client.buffer(eight)
    y.close()

    with pytest.raises(ClosedError, match="argument 1 has been closed or donated"):
        executable(x, y)
    launcher = executable.launcher()
    executable.close()
    with pytest.raises(
        ClosedError, match="cannot use this executable because it, or the client it belongs to, has been"
    ):
        executable(x, x)
    with pytest.raises(
        ClosedError, match="cannot use this executable because it, or the client it belongs to, has been"
    ):
        launcher([x, x])


def test_launcher_keeps_its_executable_alive(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    launcher = client.compile(programs.ADD).launcher()
    gc.collect()
    x = client.buffer(eight)

    numpy.testing.assert_array_equal(launcher([x, x])[0].to_numpy(), eight * 2)


def test_executables_are_freed_without_garbage_collection(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.ADD)
    x = client.buffer(eight)
    executable(x, x)
    gc.collect()
    gc.disable()
    try:
        before = live_objects()
        del executable
        assert live_objects() < before
    finally:
        gc.enable()


def test_donated_arguments_are_dead(client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace) -> None:
    executable = client.compile(programs.DONATING)
    x, y = client.buffer(eight), client.buffer(eight)
    address = x.unsafe_pointer()

    result = executable(x, y, donate=(0,))

    assert x.closed
    assert not y.closed
    assert result.unsafe_pointer() == address
    numpy.testing.assert_array_equal(result.to_numpy(), eight * 2)
    with pytest.raises(ClosedError, match="argument 0 has been closed or donated"):
        executable(x, y)


def test_arguments_survive_where_donation_was_not_asked_for(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.DONATING)
    x = client.buffer(eight)

    for _ in range(3):
        numpy.testing.assert_array_equal(executable(x, x).to_numpy(), eight * 2)
    numpy.testing.assert_array_equal(x.to_numpy(), eight)


def test_donated_argument_cannot_be_given_twice(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.DONATING)
    x = client.buffer(eight)

    message = "argument 0 cannot be donated because argument 1 is the same buffer"
    for donate in ((0,), (0, 1)):
        with pytest.raises(BufferInUseError, match=message):
            executable(x, x, donate=donate)
    with pytest.raises(BufferInUseError, match="argument 1 cannot be donated because argument 0 is the same buffer"):
        executable.execute([x, x], donate=(1,))
    assert not x.closed
    numpy.testing.assert_array_equal(x.to_numpy(), eight)


def test_donation_of_what_is_no_argument_is_rejected(add: pjrt.LoadedExecutable) -> None:
    for index in (-1, 2):
        with pytest.raises(ArgumentError, match=rf"`donate` expected indices of 2 argument\(s\), but got {index}"):
            add.launcher((index,))


def test_failed_checks_leave_donated_arguments_alone(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.DONATING)
    x = client.buffer(eight)

    with pytest.raises(ArgumentError, match="argument 1 expected"):
        executable(x, client.buffer(1.0), donate=(0,))
    numpy.testing.assert_array_equal(executable(x, client.buffer(eight), donate=(0,)).to_numpy(), eight * 2)


def test_execute_runs_on_several_devices(client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace) -> None:
    executable = client.compile(programs.ADD, replicated(3))
    rows = [
        [client.buffer(eight * i, device), client.buffer(eight, device)] for i, device in enumerate(executable.devices)
    ]

    results = executable.execute(rows)

    for i, (result, device) in enumerate(zip(results, executable.devices, strict=True)):
        assert result.done.wait() == result.outputs
        assert result.outputs[0].device is device
        numpy.testing.assert_array_equal(result.outputs[0].to_numpy(), eight * (i + 1))


def test_collectives_run_between_devices(client: pjrt.Client) -> None:
    program = """
    module {
      func.func @main(%x: tensor<f32>) -> tensor<f32> {
        %r = "stablehlo.all_reduce"(%x) ({
          ^bb0(%a: tensor<f32>, %b: tensor<f32>):
            %s = stablehlo.add %a, %b : tensor<f32>
            stablehlo.return %s : tensor<f32>
        }) {replica_groups = dense<[[0, 1, 2, 3]]> : tensor<1x4xi64>} : (tensor<f32>) -> tensor<f32>
        return %r : tensor<f32>
      }
    }
    """
    executable = client.compile(program, replicated(4))
    rows = [[client.buffer(numpy.float32(10**i), device)] for i, device in enumerate(executable.devices)]

    results = executable.execute(rows)

    assert [float(result.outputs[0].to_numpy()) for result in results] == [1111.0] * 4


def test_execute_checks_the_rows_of_arguments(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.ADD, replicated(2))
    first, second = [[client.buffer(eight, device)] * 2 for device in executable.devices]

    with pytest.raises(ArgumentError, match="expected one sequence for each of 2 devices, but got buffers"):
        executable.execute(first)
    with pytest.raises(ArgumentError, match=r"expected one sequence for each of 2 device\(s\), but got 1 sequence"):
        executable.execute([first])
    with pytest.raises(ArgumentError, match=r"expected equally many buffers for each device, but got \[2, 1\]"):
        executable.execute([first, second[:1]])
    with pytest.raises(ArgumentError, match=r"the program expected 2 argument\(s\) for each of 2 devices, but got 2"):
        executable.execute([first[:1], second[:1]])
    with pytest.raises(ArgumentError, match="argument 0 of device 1 expected a buffer on"):
        executable.execute([first, first])
    with pytest.raises(ArgumentError, match="runs on 2 devices: call `execute` instead"):
        executable(*first)


def test_portable_executables_run_on_the_device_asked_for(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.ADD, pjrt.CompilationOptions(compile_portable_executable=True))

    for device in client.devices:
        x = client.buffer(eight, device)
        (output,) = executable.execute([x, x], device=device)[0].outputs
        assert output.device is device
        numpy.testing.assert_array_equal(output.to_numpy(), eight * 2)
    with pytest.raises(ArgumentError, match="runs on any one device: pass `device`"):
        executable(x, x)


def test_execute_takes_all_options(client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray) -> None:
    x = client.buffer(eight)
    context = client.execution_context()

    (result,) = add.execute([x, x], launch_id=3, context=context, call_location="main.py:12", incarnations={0: 5, 1: 7})

    assert result.done.wait() is result.outputs
    numpy.testing.assert_array_equal(result.outputs[0].to_numpy(), eight * 2)


def test_execute_rejects_bad_options(client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray) -> None:
    x = client.buffer(eight)
    context = client.execution_context()
    context.close()

    with pytest.raises(ArgumentError, match="`call_location` expected text without null characters"):
        add.execute([x, x], call_location="a\0b")
    with pytest.raises(
        ArgumentError, match="`launch_id` expected an integer from -2147483648 to 2147483647, but got 2147483648"
    ):
        add.execute([x, x], launch_id=2**31)
    with pytest.raises(ClosedError, match="cannot use this execution context"):
        add.execute([x, x], context=context)
    with pytest.raises(ArgumentError, match=r"`send_callbacks` expected equally many callbacks for each of 1 device"):
        add.execute([x, x], send_callbacks=[[], []])


def test_executions_can_be_awaited(client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray) -> None:
    async def main() -> numpy.ndarray:
        x = client.buffer(eight)
        (result,) = add.execute([x, x])
        await result.done
        (output,) = result.outputs
        return await output.copy_to_host()

    numpy.testing.assert_array_equal(asyncio.run(main()), eight * 2)


def test_parameter_types_given_by_the_caller_are_used(
    client: pjrt.Client, eight: numpy.ndarray, programs: SimpleNamespace
) -> None:
    executable = client.compile(programs.ADD, parameter_types=[("float32", (8,)), (numpy.float32, [8])])

    assert [str(kind) for kind in executable.parameter_types] == ["f32[8]", "f32[8]"]
    x = client.buffer(eight)
    numpy.testing.assert_array_equal(executable(x, x).to_numpy(), eight * 2)


def test_outputs_of_failed_arguments_fail(
    client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> None:
    alias, fulfillment = client.alias_buffer("float32", (8,))
    (result,) = add.execute([alias, client.buffer(eight)])

    fulfillment.fail(pjrt.errors.ResourceExhaustedError("out of luck"))

    with pytest.raises(PjrtError, match="out of luck"):
        result.outputs[0].to_numpy()


@pytest.mark.parametrize("call", [lambda launcher: launcher(), lambda launcher: launcher([], 1)])
def test_launcher_takes_one_argument(add: pjrt.LoadedExecutable, call: object) -> None:
    with pytest.raises(TypeError, match="a launcher takes one argument"):
        call(add.launcher())
    with pytest.raises(TypeError, match="is not iterable"):
        add.launcher()(3)
