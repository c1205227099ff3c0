"""Tests that arguments of a wrong kind are errors that name the argument, everywhere, and never reach a plugin."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import AbortedError, ArgumentError, ArgumentTypeError, OptionError, UnimplementedError
from ryft_pjrt.extensions import layouts

CONNECTED = pjrt.ProcessState.CONNECTED


@pytest.fixture
def objects(
    plugin: pjrt.Plugin, client: pjrt.Client, add: pjrt.LoadedExecutable, eight: numpy.ndarray
) -> SimpleNamespace:
    return SimpleNamespace(
        plugin=plugin,
        client=client,
        add=add,
        device=client.devices[0],
        x=client.buffer(eight),
        transfers=client.host_to_device_transfer_manager([pjrt.BufferSpecification("int8", (3,))]),
    )


def told(client: pjrt.Client, *values: Any, **named: Any) -> None:
    client.update_global_process_information([pjrt.ProcessInformation(*values, **named)])


# What is called, and the message: "`argument` expected ..., but got ...".
TYPE_ERRORS: dict[str, tuple[Callable[[Any], object], str]] = {
    "processes": (lambda o: o.client.update_global_process_information(5), "`processes` expected a list of process"),
    "process": (lambda o: o.client.update_global_process_information([5]), "`processes` expected process information"),
    "process id": (lambda o: told(o.client, "a", 1, CONNECTED), "`process_id` expected an integer, but got `str`"),
    # The CPU plugin ends the process on a state that it does not know.
    "process state": (lambda o: told(o.client, 0, 1, 77), "`state` expected a process state, but got `int`"),
    "process error": (lambda o: told(o.client, 0, 1, CONNECTED, ValueError()), "`error` expected a `PjrtError`"),
    "transfers": (lambda o: o.client.host_to_device_transfer_manager(5), "`specifications` expected a list"),
    "transfer": (lambda o: o.client.host_to_device_transfer_manager([5]), "`specifications` expected buffer spec"),
    "index": (lambda o: o.transfers.retrieve_buffer("a"), "`index` expected an integer, but got `str`"),
    "size": (lambda o: o.transfers.buffer_size_in_bytes(None), "`index` expected an integer, but got `NoneType`"),
    "metadata": (lambda o: o.transfers.add_metadata(5), "`metadata` expected a mapping of texts, but got `int`"),
    "literal": (lambda o: o.transfers.transfer_literal(0, [1]), "`array` expected a NumPy array, but got `list`"),
    "dma": (lambda o: o.client.dma_map([1]), "`array` expected a NumPy array, but got `list`"),
    "out": (lambda o: o.x.copy_to_host([1]), "`out` expected a NumPy array, but got `list`"),
    "replicas": (lambda o: o.client.default_device_assignment(1.0), "`replica_count` expected an integer, but got"),
    "hardware": (lambda o: o.client.lookup_addressable_device("a"), "`local_hardware_id` expected an integer"),
    "options": (lambda o: o.client.compile("", {}), "`options` expected compilation options, but got `dict`"),
    "cache": (lambda o: o.client.compile("", cache="a"), "`cache` expected an executable cache, but got `str`"),
    "load": (lambda o: o.client.load(b"a"), "`executable` expected an executable, but got `bytes`"),
    "data": (lambda o: o.client.deserialize_and_load("a"), "`data` expected bytes, but got `str`"),
    "description": (lambda o: o.device.async_tracking_event(5), "`description` expected text, but got `int`"),
    "poison": (lambda o: o.device.poison_execution("a", AbortedError("")), "`launch_id` expected an integer"),
    "topology": (lambda o: o.plugin.topology(5), "`name` expected text, but got `int`"),
    "bytes of a topology": (lambda o: o.plugin.deserialize_topology("a"), "`data` expected bytes, but got `str`"),
    "assignment": (lambda o: o.plugin.deserialize_device_assignment("a"), "`data` expected bytes, but got `str`"),
    "compile for": (lambda o: o.plugin.compile("", o.client), "`topology` expected a topology, but got `Client`"),
    "directory": (lambda o: pjrt.ExecutableCache(5), "`directory` expected a path, but got `int`"),
    "limit": (lambda o: pjrt.ExecutableCache(".", "a"), "`limit_in_bytes` expected an integer, but got `str`"),
    "DLPack device": (lambda o: o.x.__dlpack__(dl_device=3), "`dl_device` expected a pair of integers, but got `int`"),
    "DLPack version": (lambda o: o.x.__dlpack__(max_version=1), "`max_version` expected a pair of integers"),
    # Where it was one of the numbers, a read-only array could be given as one to write into.
    "semantics": (lambda o: o.client.buffer(1, host_buffer_semantics=3), "`host_buffer_semantics` expected one of"),
    "layout": (lambda o: o.client.buffer(1, layout="a"), "`layout` expected a layout, but got `str`"),
    "arguments": (lambda o: o.add.execute(None), "`arguments` expected a list of buffers, but got `NoneType`"),
    "donate": (lambda o: o.add(o.x, o.x, donate=0), "`donate` expected indices of arguments, but got `int`"),
    "donated": (lambda o: o.add.launcher(donate=["a"]), "`donate` expected an integer, but got `str`"),
    "launch id": (lambda o: o.add.execute([o.x, o.x], launch_id="a"), "`launch_id` expected an integer, but got"),
    "location": (lambda o: o.add.execute([o.x, o.x], call_location=5), "`call_location` expected text, but got `int`"),
    "context": (lambda o: o.add.execute([o.x, o.x], context=5), "`context` expected an execution context"),
    "incarnations": (lambda o: o.add.execute([o.x, o.x], incarnations=[1]), "`incarnations` expected a mapping"),
    "callbacks": (lambda o: o.add.execute([o.x, o.x], send_callbacks=[1]), "`send_callbacks` expected a list of"),
    "callback": (lambda o: o.add.execute([o.x, o.x], send_callbacks=[[1]]), "`send_callbacks` expected send callbacks"),
    "kind of callback": (
        lambda o: o.add.execute([o.x, o.x], receive_callbacks=[[pjrt.SendCallback(1, print)]]),
        "`receive_callbacks` expected receive callbacks, but got `SendCallback`",
    ),
    "parameter types": (lambda o: o.client.compile(PROGRAM, parameter_types=5), "`parameter_types` expected a list of"),
    # The plugin would end the process.
    "token": (
        lambda o: o.client.host_to_device_transfer_manager([pjrt.BufferSpecification(pjrt.BufferType.TOKEN, ())]),
        "no buffer can have the element type `token`",
    ),
    "layout of a token": (
        lambda o: layouts.default_layout(o.client, pjrt.BufferType.TOKEN, ()),
        "no buffer can have the element type `token`",
    ),
    "address": (
        lambda o: o.client.borrowed_on_device_buffer("a", "int8", (2,)),
        "`address` expected an integer, but got `str`",
    ),
    "on delete": (
        lambda o: o.client.borrowed_on_device_buffer(64, "int8", (2,), on_delete=5),
        "`on_delete` expected a function, but got `int`",
    ),
    "dimensions": (lambda o: pjrt.TiledLayout(5), "`minor_to_major` expected a tuple of dimensions, but got `int`"),
    "tile": (lambda o: pjrt.Tile(("a",)), "`dimensions` expected an integer, but got `str`"),
    "strides": (lambda o: pjrt.StridedLayout(5), "`strides` expected a tuple of strides, but got `int`"),
    "fulfill": (
        lambda o: o.client.alias_buffer("int8", ())[1].fulfill(5),
        "`fulfill` expected a buffer, but got `int`",
    ),
}

PROGRAM = """
module {
  func.func @main() -> tensor<i1> {
    %x = stablehlo.constant dense<true> : tensor<i1>
    return %x : tensor<i1>
  }
}
"""


@pytest.mark.parametrize("name", TYPE_ERRORS)
def test_arguments_of_a_wrong_type_are_errors(objects: SimpleNamespace, name: str) -> None:
    call, message = TYPE_ERRORS[name]
    with pytest.raises(ArgumentTypeError, match=message):
        call(objects)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda o: told(o.client, 2**40, 1, CONNECTED), "`process_id` expected an integer from 0 to 2147483647"),
        (lambda o: told(o.client, 0, -1, CONNECTED), "`incarnation_id` expected an integer from 0 to"),
        (lambda o: o.client.lookup_addressable_device(2**40), "`local_hardware_id` expected an integer from"),
        (lambda o: o.add.execute([o.x, o.x], incarnations={0: 2**70}), "`incarnations` expected an integer from"),
        # A null pointer, once it is cut to 64 bits.
        (lambda o: o.client.borrowed_on_device_buffer(2**70, "int8", (2,)), "`address` expected an integer from 0 to"),
        (lambda o: pjrt.StridedLayout((2**70,)), "`strides` expected an integer from"),
        (lambda o: pjrt.CompilationOptions(profile_version=2**70), "`profile_version` expected an integer from"),
    ],
)
def test_numbers_that_do_not_fit_are_errors(
    objects: SimpleNamespace, call: Callable[[Any], object], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        call(objects)


def test_element_types_that_are_newer_than_the_plugin_have_no_layout(client: pjrt.Client) -> None:
    with pytest.raises(UnimplementedError, match=r"the element type `i1` needs PJRT API 0\.94"):
        layouts.default_layout(client, pjrt.BufferType.I1, (2,))


def test_serialized_executables_may_be_any_bytes(objects: SimpleNamespace) -> None:
    loaded = objects.client.deserialize_and_load(bytearray(objects.add.serialize()))
    assert loaded(objects.x, objects.x).to_numpy()[3] == 6


def test_names_and_values_of_options_are_checked(plugin: pjrt.Plugin) -> None:
    with pytest.raises(OptionError, match="expected options by name, but got `int`"):
        plugin.topology("", 5)
    with pytest.raises(OptionError, match="the name of an option expected text, but got 5"):
        plugin.topology("", {5: 1})
    with pytest.raises(OptionError, match="option `a` expected 64-bit integers, but got"):
        plugin.topology("", {"a": [2**70]})


def test_names_of_data_types_need_no_import(run_child: Callable[..., Any]) -> None:
    code = """
client = pjrt.load_cpu_plugin().client()
for name in ("bfloat16", "int4", "float8_e4m3fn"):
    print(client.uninitialized_buffer(name, (2,)))
"""
    assert run_child(code).stdout == "Buffer(bf16[2])\nBuffer(i4[2])\nBuffer(f8e4m3fn[2])\n"


def test_iterators_of_arguments_are_taken(objects: SimpleNamespace) -> None:
    (outputs,) = objects.add.execute(buffer for buffer in (objects.x, objects.x))
    assert outputs.outputs[0].to_numpy()[3] == 6


def test_donated_indices_may_be_a_list(objects: SimpleNamespace) -> None:
    other = objects.client.buffer(numpy.ones(8, numpy.float32))
    assert objects.add(objects.x, other, donate=[0]).to_numpy()[3] == 4
    assert objects.x.closed


def test_alias_buffers_take_only_contents_that_fit(client: pjrt.Client) -> None:
    alias, fulfillment = client.alias_buffer("float32", (8,))
    zeros = numpy.zeros(8, numpy.float32)

    with pytest.raises(ArgumentError, match="expected contents for the alias buffer, but got that buffer itself"):
        fulfillment.fulfill(alias)
    with pytest.raises(
        ArgumentError, match=r"expected a buffer on CpuDevice\(id=0\), but got one on CpuDevice\(id=1\)"
    ):
        fulfillment.fulfill(client.buffer(zeros, client.devices[1]))
    with client.plugin.client() as other, pytest.raises(ArgumentError, match="buffer's client, but got one of another"):
        fulfillment.fulfill(other.buffer(zeros))
    fulfillment.fulfill(client.buffer(zeros))
    assert alias.to_numpy().tolist() == [0] * 8


def test_texts_of_closed_objects_say_so(plugin: pjrt.Plugin) -> None:
    client = plugin.client()
    device, memory = client.devices[0], client.addressable_memories[0]
    description = device.description
    client.close()

    assert (repr(device), str(device), repr(memory), str(memory)) == ("Device(closed)",) * 2 + ("Memory(closed)",) * 2
    assert (repr(description), str(description)) == ("DeviceDescription(closed)",) * 2
