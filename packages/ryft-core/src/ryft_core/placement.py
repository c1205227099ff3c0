"""Where arrays are: putting them on devices, taking them back, and waiting for them."""

from __future__ import annotations

from typing import Any

import numpy

from ryft_core import trees
from ryft_core.arrays import DeviceArray, device_array
from ryft_core.backends import default_client
from ryft_core.errors import ArgumentTypeError, OperandError, hinted
from ryft_core.primitives.operands import as_value
from ryft_core.programs.atoms import Value
from ryft_core.tracing.tracers import Tracer
from ryft_pjrt import Device

__all__ = ["block_until_ready", "device_get", "device_put", "devices"]


def devices() -> tuple[Any, ...]:
    """Returns the devices of the default client that this process can use, in order."""
    return tuple(default_client().addressable_devices)


def device_put(tree: Any, device: Any = None) -> Any:
    """Returns a structure with all of its arrays and numbers in the memory of `device`.

    An array that is there already is not copied. The copies are made asynchronously. Inside a traced function, values
    stay on the device of the program, which is chosen when it is called.

    Args:
        tree: Array, number, or structure of those.
        device: Device; the default one for what is not on a device yet, and no change for what is, if `None`.

    Raises:
        OperandError: If a leaf is no array, or is traced and its program may run on another device.
        ArgumentTypeError: If `device` is no device.
    """
    if device is not None and not isinstance(device, Device):
        error = ArgumentTypeError(f"`device_put` expected a device, but got {device!r}")
        raise hinted(error, "take one of `ryft.devices()`, or of the devices of a client")
    return trees.map(lambda leaf: _put(leaf, device), tree)


def _put(leaf: Any, device: Any) -> Any:
    if isinstance(leaf, Tracer):
        if device is None or device.client.addressable_devices == (device,):
            return leaf
        raise hinted(
            OperandError(
                f"`device_put` cannot move a traced array of type {leaf.type} to {device}: "
                "a program runs on one device, which is chosen when it is called"
            ),
            "leave out the device, or choose it for the whole program with `jit(..., device=...)`",
        )
    if not isinstance(leaf, DeviceArray):
        if isinstance(leaf, numpy.ndarray):
            return device_array(leaf, device)
        value = as_value(leaf)
        if not isinstance(value, DeviceArray):
            return device_array(value, device)
        leaf = value
    if device is None or leaf.device is device:
        return leaf
    if leaf.buffer.client is device.client:
        return DeviceArray(leaf.buffer.copy_to_device(device), leaf.type)
    return DeviceArray(device.client.buffer(leaf.buffer.to_numpy(), device), leaf.type)


def device_get(tree: Any) -> Any:
    """Returns a structure with all of its arrays copied to the host, as NumPy arrays."""
    return trees.map(lambda leaf: numpy.array(leaf) if isinstance(leaf, Value) else leaf, tree)


def block_until_ready(tree: Any) -> Any:
    """Waits until all arrays of a structure have been computed, and returns the structure."""
    for leaf in trees.leaves(tree):
        if isinstance(leaf, DeviceArray):
            leaf.block_until_ready()
    return tree
