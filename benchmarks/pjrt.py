"""Execution and transfers by `ryft_pjrt`, beside a bare C loop, `memcpy`, JAX and pypjrt."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path

import numpy

import ryft_pjrt as pjrt
from benchmarks.floor import floor
from benchmarks.measurements import Measurement, best_times

__all__ = ["benchmarks"]

ADD = """
module {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %sum = stablehlo.add %x, %x : tensor<8xf32>
    return %sum : tensor<8xf32>
  }
}
"""

LARGE = 16 * 2**20  # Number of floats in 64 MB.


def jax_call() -> Callable[[], object] | None:
    """Returns a call of the same program that JAX has compiled, or `None` where there is no JAX."""
    if importlib.util.find_spec("jax") is None:
        return None
    import jax

    jax.config.update("jax_platforms", "cpu")
    argument = jax.numpy.arange(8, dtype="float32")
    compiled = jax.jit(lambda x: x + x).lower(argument).compile()
    return lambda: compiled(argument)


def pypjrt_call(path: Path) -> Callable[[], object] | None:
    """Returns an execution of the same program by pypjrt, with its output closed, or `None` where it is missing."""
    if importlib.util.find_spec("pypjrt") is None:
        return None
    from pypjrt import Client, Plugin
    from pypjrt.typing import F32

    client = Client(Plugin(path))
    executable = client.compile(ADD)
    data = numpy.arange(8, dtype=numpy.float32)
    with client.devices() as devices:
        argument = client.buffer_from_host(data, F32.code, [8], devices[0])

    def call() -> None:
        for output in executable(argument):
            output.close()

    return call


def measure_execution(client: pjrt.Client) -> Measurement:
    """Measures the execution of an addition of 8 floats, with its output wrapped and released."""
    executable = client.compile(ADD)
    buffer = client.buffer(numpy.arange(8, dtype=numpy.float32))
    launcher, arguments, count = executable.launcher(), [buffer], 20000
    contenders: dict[str, Callable[[], object]] = {
        "ryft": lambda: launcher(arguments),
        "ryft, simple call": lambda: executable(buffer),
    }
    for name, call in (("JAX", jax_call()), ("pypjrt", pypjrt_call(client.plugin.api.path))):
        if call is not None:
            contenders[name] = call
    loop = floor(executable, [buffer], count)
    times: dict[str, float] = {"C loop": min(loop() for _ in range(3))}
    for _ in range(3):
        # The program runs in the calling thread, whose processor time is hardly changed by other work on the machine.
        for name, found in best_times(contenders, count // 4, clock=time.thread_time).items():
            times[name] = min(times.get(name, found), found)
        times["C loop"] = min(times["C loop"], *(loop() for _ in range(3)))
    return Measurement("execute an addition of 8 floats", times, {"C loop": 1.5, "JAX": 0.6, "pypjrt": 0.08})


def measure_transfers(client: pjrt.Client) -> list[Measurement]:
    """Measures transfers of 64 MB to the device and back, beside `memcpy`."""
    source, target = numpy.ones(LARGE, numpy.float32), numpy.empty(LARGE, numpy.float32)
    target[:] = 0
    buffer = client.buffer(source).block_until_ready()
    shareable = pjrt.shareable_array(LARGE)
    shareable[:] = 1
    zero_copy = pjrt.HostBufferSemantics.IMMUTABLE_ZERO_COPY
    fresh = best_times(
        {
            "memcpy": source.copy,
            "ryft": lambda: client.buffer(source).block_until_ready(),
        },
    )
    shared = best_times(
        {
            "memcpy": source.copy,
            "ryft": lambda: client.buffer(shareable, host_buffer_semantics=zero_copy).block_until_ready(),
        },
    )
    back = best_times({"memcpy": source.copy, "ryft": buffer.to_numpy})
    reused = best_times(
        {"memcpy": lambda: numpy.copyto(target, source), "ryft": lambda: buffer.copy_to_host(target).wait()}
    )
    viewed = best_times({"memcpy": source.copy, "ryft": lambda: numpy.asarray(buffer)})
    limit = {"memcpy": 1 / 0.9}
    return [
        Measurement("64 MB to the device", fresh, limit),
        Measurement("64 MB to the device, sharing the array's memory", shared, limit),
        Measurement("64 MB to the host, as a new array", back, limit),
        Measurement("64 MB to the host, into an array", reused, limit),
        Measurement("64 MB to the host, as a view", viewed, limit),
    ]


def measure_small_transfers(client: pjrt.Client) -> list[Measurement]:
    """Measures transfers of 8 floats, beside JAX's."""
    count, rounds = 500, 9
    array = numpy.arange(8, dtype=numpy.float32)
    buffer = client.buffer(array).block_until_ready()
    there: dict[str, Callable[[], object]] = {"ryft": lambda: client.buffer(array)}
    back: dict[str, Callable[[], object]] = {"ryft": buffer.to_numpy}
    if importlib.util.find_spec("jax") is not None:
        import jax

        jax.config.update("jax_platforms", "cpu")
        there["JAX"] = lambda: jax.device_put(array)
        fresh = iter([jax.device_put(array + i) for i in range(rounds * count)])
        # JAX keeps what it has read, so each array is read once.
        back["JAX"] = lambda: numpy.array(next(fresh))
    return [
        Measurement("8 floats to the device", best_times(there, count, rounds), {}),
        Measurement("8 floats to the host", best_times(back, count, rounds), {}),
    ]


def benchmarks() -> list[Measurement]:
    """Runs all measurements."""
    with pjrt.load_cpu_plugin().client() as client:
        return [measure_execution(client), *measure_transfers(client), *measure_small_transfers(client)]
