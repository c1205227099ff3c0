"""Measures `ryft_pjrt` beside a bare C loop, `memcpy`, JAX and pypjrt, all in one run.

    python -m benchmarks.pjrt

The machine that this runs on is shared, so the figures to keep are the ratios: each contender is timed in turn, several
times over, and the best time of each counts.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy

import ryft_pjrt as pjrt
from ryft_xla_sys.ffi import CData, ffi

__all__ = ["Measurement", "benchmarks", "main"]

ADD = """
module {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %sum = stablehlo.add %x, %x : tensor<8xf32>
    return %sum : tensor<8xf32>
  }
}
"""

ROUNDS = 9
LARGE = 16 * 2**20  # Number of floats in 64 MB.


@dataclass(frozen=True)
class Measurement:
    """Best time of each contender for one task, in seconds.

    Attributes:
        task: What was done.
        times: Time of each contender; ours is called `ryft`.
        limits: Largest ratio that our time may have to that of each contender.
    """

    task: str
    times: dict[str, float]
    limits: dict[str, float]

    def ratios(self) -> dict[str, float]:
        """Returns our time as a multiple of each contender's."""
        return {name: self.times["ryft"] / time for name, time in self.times.items() if name != "ryft"}


def best_times(contenders: dict[str, Callable[[], object]], count: int) -> dict[str, float]:
    """Returns the best mean time of each contender over several rounds, in which each has its turn."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(ROUNDS):
        for name, function in contenders.items():
            start = time.perf_counter()
            for _ in range(count):
                function()
            best[name] = min(best[name], (time.perf_counter() - start) / count)
    return best


def address(pointer: CData) -> int:
    """Returns the address in a C pointer."""
    return int(ffi.cast("uintptr_t", pointer))


def floor(executable: pjrt.LoadedExecutable, buffer: pjrt.Buffer, count: int) -> Callable[[], float]:
    """Returns a function that executes `count` times in a C loop, and returns the mean time in seconds."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    plugin = importlib.util.find_spec("xla_plugins.xla_cpu_pjrt")
    if compiler is None or plugin is None or not plugin.submodule_search_locations:
        raise RuntimeError("the bare C loop needs a C compiler and the header that the CPU plugin's wheel ships")
    source = Path(__file__).with_name("pjrt_floor.c")
    with tempfile.TemporaryDirectory() as directory:
        library = Path(directory) / "floor.so"
        include = Path(plugin.submodule_search_locations[0]) / "include"
        command = [compiler, "-O2", "-shared", "-fPIC", f"-I{include}", "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        loop = ctypes.CDLL(str(library)).execute_loop
    loop.restype = ctypes.c_double
    loop.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    api = address(buffer.client.plugin.api.pointer)
    return lambda: loop(api, address(executable.pointer), address(buffer.pointer), count) * 1e-6


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
    loop = floor(executable, buffer, count)
    times: dict[str, float] = {"C loop": min(loop() for _ in range(3))}
    for _ in range(3):
        for name, found in best_times(contenders, count // 4).items():
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
        1,
    )
    shared = best_times(
        {
            "memcpy": source.copy,
            "ryft": lambda: client.buffer(shareable, host_buffer_semantics=zero_copy).block_until_ready(),
        },
        1,
    )
    back = best_times({"memcpy": source.copy, "ryft": buffer.to_numpy}, 1)
    reused = best_times(
        {"memcpy": lambda: numpy.copyto(target, source), "ryft": lambda: buffer.copy_to_host(target).wait()}, 1
    )
    viewed = best_times({"memcpy": source.copy, "ryft": lambda: numpy.asarray(buffer)}, 1)
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
    array = numpy.arange(8, dtype=numpy.float32)
    buffer = client.buffer(array).block_until_ready()
    there: dict[str, Callable[[], object]] = {"ryft": lambda: client.buffer(array)}
    back: dict[str, Callable[[], object]] = {"ryft": buffer.to_numpy}
    if importlib.util.find_spec("jax") is not None:
        import jax

        jax.config.update("jax_platforms", "cpu")
        there["JAX"] = lambda: jax.device_put(array)
        fresh = iter([jax.device_put(array + i) for i in range(ROUNDS * 500)])
        # JAX keeps what it has read, so each array is read once.
        back["JAX"] = lambda: numpy.array(next(fresh))
    return [
        Measurement("8 floats to the device", best_times(there, 500), {}),
        Measurement("8 floats to the host", best_times(back, 500), {}),
    ]


def benchmarks() -> list[Measurement]:
    """Runs all measurements."""
    with pjrt.load_cpu_plugin().client() as client:
        return [measure_execution(client), *measure_transfers(client), *measure_small_transfers(client)]


def main() -> None:
    """Prints each measurement: the time of each contender, and our time as a multiple of it."""
    for measurement in benchmarks():
        print(f"{measurement.task}:")
        ratios = measurement.ratios()
        for name, seconds in sorted(measurement.times.items(), key=lambda item: item[1]):
            line = f"  {name:20} {seconds * 1e6:12.2f} µs"
            if name in ratios:
                limit = measurement.limits.get(name)
                verdict = (
                    "" if limit is None else f" (limit {limit:.2f}: {'met' if ratios[name] <= limit else 'missed'})"
                )
                line += f"   ours is {ratios[name]:.3f} ×{verdict}"
            print(line)


if __name__ == "__main__":
    main()
