"""Tests that nothing which Python code can do crashes, leaks or hangs the process. What might is run in a child."""

import gc
import itertools
import os
import random
import subprocess
import threading
from collections.abc import Callable
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ClosedError
from ryft_pjrt.testing import live_objects

RunChild = Callable[..., subprocess.CompletedProcess[str]]

OBJECTS = """
plugin = pjrt.load_cpu_plugin()
client = plugin.client()
executable = client.compile(ADD)
launcher = executable.launcher()
device = client.devices[0]
memory = device.default_memory
topology = client.topology
x = client.buffer(numpy.ones(8, numpy.float32))
y = executable(x, x)
view = numpy.asarray(y)
capsule = y.__dlpack__()
borrowed = client.borrowed_buffer(numpy.ones(4096))
event = y.ready()
context = client.execution_context()
alias, fulfillment = client.alias_buffer("float32", (8,))
pending = executable(alias, x)
pending_event = pending.ready()
pending_event.add_done_callback(lambda event: None)
copy = pending.copy_to_host()
transfers = client.host_to_device_transfer_manager([pjrt.BufferSpecification("int8", (3,))])
"""

NAMES = [line.split(" = ")[0] for line in OBJECTS.strip().splitlines() if " = " in line]


def succeeds(result: subprocess.CompletedProcess[str], output: str = "") -> None:
    errors = [line for line in result.stderr.splitlines() if "pjrt_c_api" not in line and "absl::" not in line]
    assert (result.returncode, result.stdout, errors) == (0, output, [])


@pytest.mark.parametrize("ending", ["", "sys.exit(0)", "fulfillment.fulfill(x)", "gc.disable()"])
def test_interpreter_exits_with_live_objects(run_child: RunChild, ending: str) -> None:
    succeeds(run_child(OBJECTS + ending))


@pytest.mark.parametrize("seed", range(2))
def test_objects_die_in_any_order(run_child: RunChild, seed: int) -> None:
    code = f"""
import random
names = {[name for name in NAMES if "," not in name] + ["alias", "fulfillment"]!r}
for seed in range({seed * 6}, {seed * 6 + 6}):
    space = dict(globals())
    exec({OBJECTS!r}, space)
    random.Random(seed).shuffle(names)
    for name in names:
        del space[name]
        if seed % 2:
            gc.collect()
    space.clear()
gc.collect()
from ryft_pjrt.testing import live_objects
print(live_objects())
"""
    succeeds(run_child(code), "0\n")


@pytest.mark.parametrize("seed", range(2))
def test_objects_are_closed_in_any_order(run_child: RunChild, seed: int) -> None:
    code = f"""
import random
names = "client executable x y borrowed event context alias pending pending_event copy transfers".split()
for seed in range({seed * 6}, {seed * 6 + 6}):
    space = dict(globals())
    exec({OBJECTS!r}, space)
    random.Random(seed).shuffle(names)
    for name in names:
        space[name].close()
        space[name].close()
        assert space[name].closed
    assert space["view"].sum() == 16
    space.clear()
gc.collect()
from ryft_pjrt.testing import live_objects
print(live_objects())
"""
    succeeds(run_child(code), "0\n")


def test_cycles_are_collected(run_child: RunChild) -> None:
    code = (
        OBJECTS
        + """
class Node: pass
objects = [value for name, value in list(globals().items()) if name in set("client x y event pending copy".split())]
nodes = [Node() for _ in objects]
for i, node in enumerate(nodes):
    node.next, node.value = nodes[(i + 1) % len(nodes)], objects[i]
for name in list(globals()):
    if not name.startswith("_") and name not in ("gc", "sys"):
        del globals()[name]
gc.collect()
from ryft_pjrt.testing import live_objects
for _ in range(1000):
    # The callback of the event that failed now runs on another thread.
    if live_objects():
        gc.collect()
print(live_objects())
"""
    )
    succeeds(run_child(code), "0\n")


def test_objects_are_dropped_on_other_threads(run_child: RunChild) -> None:
    code = (
        OBJECTS
        + """
import queue
fulfillment.fulfill(client.buffer(numpy.ones(8, numpy.float32)))
drops = queue.Queue()
def drain():
    while (item := drops.get()) is not None:
        del item
threads = [threading.Thread(target=drain) for _ in range(4)]
[thread.start() for thread in threads]
for _ in range(2000):
    drops.put(executable(x, x))
    drops.put(numpy.asarray(executable(x, x)))
[drops.put(None) for _ in threads]
[thread.join() for thread in threads]
del event, capsule, view
print("done")
"""
    )
    succeeds(run_child(code), "done\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_forked_children_cannot_use_what_was_there_before(run_child: RunChild) -> None:
    code = (
        OBJECTS
        + """
import warnings
warnings.simplefilter("ignore")
fulfillment.fulfill(client.buffer(numpy.ones(8, numpy.float32)))
pending.block_until_ready()
waiting, promise = client.alias_buffer("float32", (8,))
child = os.fork()
if child == 0:
    refused = 0
    actions = [y.to_numpy, lambda: executable(x, x), lambda: client.buffer(1), event.wait, lambda: client.compile(ADD)]
    # The promise is not kept: the plugin could wait for threads that do not exist here.
    actions.append(lambda: promise.fail(pjrt.errors.AbortedError("it broke")))
    for action in actions:
        try:
            action()
        except pjrt.ClosedError as error:
            refused += "was made before this process was forked" in str(error)
            refused += error.__notes__[0].startswith("hint: make a client in the child process")
    repr([client, executable, device, memory, topology, x, event])
    view.sum()
    del view, capsule, pending, copy
    gc.collect()
    client.close()
    os._exit(refused)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 12
child = os.fork()
if child == 0:
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert executable(x, x).to_numpy().sum() == 16
print("parent")
"""
    )
    succeeds(run_child(code), "parent\n")


def test_control_c_interrupts_a_wait(run_child: RunChild) -> None:
    code = (
        OBJECTS
        + """
import signal
threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    pending_event.wait()
except KeyboardInterrupt:
    print("interrupted")
fulfillment.fulfill(x)
print(pending_event.wait().shape)
"""
    )
    succeeds(run_child(code), "interrupted\n(8,)\n")


def test_interpreter_exits_while_programs_and_threads_run(run_child: RunChild) -> None:
    code = """
client = pjrt.load_cpu_plugin().client()
slow, add = client.compile(SLOW), client.compile(ADD)
matrix = client.buffer(numpy.eye(512, dtype=numpy.float32))
x = client.buffer(numpy.ones(8, numpy.float32))
def forever():
    try:
        while True:
            add(x, x).to_numpy()
    except pjrt.ClosedError:
        pass
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
results = [slow(matrix) for _ in range(3)]
results[0].copy_to_host()
results[1].ready().add_done_callback(lambda event: print("late"))
add(x, x).to_numpy()
"""
    result = run_child(code)
    assert result.returncode == 0, result.stderr


def test_threads_compile_and_execute_at_once(client: pjrt.Client, programs: SimpleNamespace) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(3):
                size = 4 + number + 10 * step
                executable = client.compile(programs.ADD.replace("8xf32", f"{size}xf32"))
                x = client.buffer(numpy.full(size, number, numpy.float32))
                for _ in range(50):
                    assert executable(x, x).to_numpy().tolist() == [2 * number] * size
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_objects_may_be_closed_while_other_threads_use_them(
    plugin: pjrt.Plugin, programs: SimpleNamespace, eight: numpy.ndarray
) -> None:
    failures: list[BaseException] = []
    results = itertools.count()

    def use(client: pjrt.Client, executable: pjrt.LoadedExecutable, buffers: list[pjrt.Buffer], seed: int) -> None:
        chooser = random.Random(seed)
        try:
            while not client.closed:
                try:
                    result = executable(chooser.choice(buffers), chooser.choice(buffers))
                    assert result.to_numpy().shape == (8,)
                    numpy.asarray(result)
                    next(results)
                except ClosedError:
                    buffers[chooser.randrange(len(buffers))] = client.buffer(eight)
        except ClosedError:
            pass
        except BaseException as error:
            failures.append(error)

    for seed in range(3):
        client = plugin.client()
        executable = client.compile(programs.ADD)
        buffers = [client.buffer(eight) for _ in range(4)]
        threads = [threading.Thread(target=use, args=(client, executable, buffers, i)) for i in range(4)]
        for thread in threads:
            thread.start()
        chooser = random.Random(seed)
        for _ in range(300):
            buffers[chooser.randrange(len(buffers))].close()
        executable.close()
        client.close()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)

    assert failures == []
    assert next(results) > 0


def test_donation_from_many_threads_happens_once(client: pjrt.Client, programs: SimpleNamespace) -> None:
    executable = client.compile(programs.DONATING)
    ones = numpy.ones(8, numpy.float32)
    other = client.buffer(ones)

    for _ in range(30):
        shared = client.buffer(ones)
        outcomes: list[object] = []
        start = threading.Barrier(4)

        def donate(shared: pjrt.Buffer, outcomes: list[object], start: threading.Barrier) -> None:
            start.wait()
            try:
                outcomes.append(executable(shared, other, donate=(0,)).to_numpy().sum())
            except pjrt.RyftError as error:
                outcomes.append(error)

        threads = [threading.Thread(target=donate, args=(shared, outcomes, start)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(isinstance(outcome, numpy.floating) for outcome in outcomes) == 1
        assert shared.closed


def test_nothing_leaks(client: pjrt.Client, programs: SimpleNamespace, eight: numpy.ndarray) -> None:
    gc.collect()
    before = live_objects()
    for _ in range(20):
        executable = client.compile(programs.DONATING)
        x, y = client.buffer(eight), client.borrowed_buffer(eight)
        result = executable(x, y, donate=(0,))
        numpy.asarray(result)
        numpy.from_dlpack(result)
        client.from_dlpack(result)
        result.copy_to_host().wait()
        result.ready().wait()
        client.alias_buffer("float32", (8,))[1].fulfill(client.buffer(eight))
    del executable, x, y, result
    gc.collect()

    # The memory of borrowed arrays is given back on another thread.
    for _ in range(200):
        if live_objects() == before:
            break
        client.buffer(0.0).block_until_ready()
    assert live_objects() == before


@pytest.mark.slow
def test_memory_stays_flat_over_many_executions(run_child: RunChild) -> None:
    code = """
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
client = pjrt.load_cpu_plugin().client()
add = client.compile(ADD)
x = client.buffer(numpy.ones(8, numpy.float32))
def work(count):
    for _ in range(count):
        y = add(x, x)
        y.ready().close()
    return y.to_numpy().sum()
work(20000)
before = resident()
work(100000)
grown = resident() - before
print("flat" if grown < 8 * 2**20 else grown)
"""
    succeeds(run_child(code, timeout=120), "flat\n")
