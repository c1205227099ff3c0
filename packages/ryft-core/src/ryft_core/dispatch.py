"""Dispatch: what the native dispatcher has to be told about containers, results, and how to execute.

The native module finds the entry of a call by the signature of its arguments. Its leaves are in *raw* order, that of
the containers as they are: it does not sort the keys of dictionaries. `raw_order` says which raw leaf each leaf in the
order of `trees.flatten` is; an entry holds that permutation, so that sorting is paid for once.
"""

from __future__ import annotations

import inspect
import os
import types
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy

from ryft_core import trees
from ryft_core._native import Plan, configure
from ryft_core.arrays import DeviceArray, device_array
from ryft_core.errors import OperandError, hinted
from ryft_core.primitives.operands import as_value
from ryft_core.primitives.symbolic import Linear, not_linear
from ryft_core.programs.atoms import Literal, Value
from ryft_core.tracing.origins import leaked
from ryft_core.tracing.tracers import Tracer
from ryft_core.trees.keys import LEAF, STATIC, NodeKey, child_keys
from ryft_core.trees.nodes import is_array_leaf, kind_of
from ryft_pjrt import Buffer
from ryft_xla_sys.ffi import ffi, lib

__all__ = ["concrete", "configure_dispatch", "on_one_device", "raw_order", "results_plan"]

_ARRAY, _STATIC, _UNUSUAL, _FLATTEN, _CLASS = range(5)
_TUPLE, _LIST, _DICTIONARY, _CALL, _INSTANCE, _VALUE = range(6)


# --- arguments --------------------------------------------------------------------------------------------------------


def plan_for(value: Any) -> Plan:
    """Returns what the native dispatcher does with arguments of the type of `value`."""
    kind = kind_of(value)
    if kind is None:
        if isinstance(value, Value):
            return Plan(_UNUSUAL)
        return Plan(_ARRAY if is_array_leaf(value) else _STATIC)
    fields = _fields_of(kind)
    if fields is None:
        return Plan(_FLATTEN, kind, kind.flatten, holds_statics=kind.holds_statics)
    return Plan(_CLASS, kind, fields=fields, statics=kind.static_names, holds_statics=True)


def _fields_of(kind: Any) -> tuple[str, ...] | None:
    """Returns the names of the fields of a class that are plain attributes, or `None` if it has others."""
    if not kind.holds_statics:
        return None
    fields = tuple(entry.name for entry in kind.entries(None, 0))
    for name in (*fields, *kind.static_names):
        attribute = inspect.getattr_static(kind.type, name, None)
        if hasattr(attribute, "__set__") and not isinstance(attribute, types.MemberDescriptorType):
            return None
    return fields


def raw_order(args: tuple[Any, ...], kwargs: dict[str, Any], is_static: Any) -> list[int]:
    """Returns the raw number of each leaf of `(args, kwargs)`, in the order of `trees.flatten`.

    Args:
        args: Positional arguments.
        kwargs: Keyword arguments.
        is_static: Tells whether the argument with a position or a name is static, and so has no leaves.
    """
    numbers = count()
    order: list[int] = []
    for position, value in enumerate(args):
        if not is_static(position):
            order += _raw_order(value, numbers, False)
    named = {name: _raw_order(value, numbers, False) for name, value in kwargs.items() if not is_static(name)}
    for name in sorted(named):
        order += named[name]
    return order


def _raw_order(value: Any, numbers: Iterator[int], statics: bool) -> list[int]:
    kind = kind_of(value)
    if kind is None:
        return [] if statics and not is_array_leaf(value) else [next(numbers)]
    statics = statics or kind.holds_statics
    children, keys = kind.flatten(value)
    # The native dispatcher visits a dictionary as it is, if its keys cannot run any code when they are compared.
    if type(value) is dict and all(type(key) is str or type(key) is int for key in value):
        orders = {key: _raw_order(child, numbers, statics) for key, child in value.items()}
        return [number for key in keys for number in orders[key]]
    return [number for child in children for number in _raw_order(child, numbers, statics)]


def concrete(value: Any) -> DeviceArray:
    """Returns the array on the device of a value: an array already, a literal, a number or a NumPy array.

    Raises:
        LeakedTracerError: If it is a tracer.
        OperandError: If it is none of these.
    """
    if type(value) is DeviceArray:
        return value
    if isinstance(value, numpy.ndarray) and value.dtype.kind in "biufc":
        return device_array(value)
    if isinstance(value, Tracer):
        raise leaked(value)
    literal = value if isinstance(value, Value) else as_value(value)
    if type(literal) is DeviceArray:
        return literal
    if type(literal) is Linear:
        raise not_linear()
    if type(literal) is not Literal:
        raise OperandError(f"expected an array, but got a `{type(value).__name__}`")
    if literal.type.shape:
        return device_array(literal)  # Users may hold it, and donate it: it cannot be shared.
    found = _SCALARS.get(literal)
    if found is None or found._donation is not None:
        if len(_SCALARS) >= _SCALARS_LIMIT:
            _SCALARS.clear()
        found = _SCALARS[literal] = device_array(literal)
    return found


def on_one_device(values: Sequence[Any], arrays: Sequence[DeviceArray], device: Any = None) -> list[DeviceArray]:
    """Returns arrays, all of them on one device; what was made of numbers and NumPy arrays is copied there.

    Args:
        values: What the arrays were made of.
        arrays: The arrays.
        device: The device. By default, that of the arrays among `values`, which must agree.

    Raises:
        OperandError: If they are on several devices, and none was asked for.
    """
    if device is None:
        devices = list(dict.fromkeys(value.device for value in values if type(value) is DeviceArray))
        if len(devices) > 1:
            raise hinted(
                OperandError(
                    f"expected arrays on one device, but got some on {' and some on '.join(map(str, devices))}"
                ),
                "copy them to one device, or say which with `jit(..., device=...)`",
            )
        if not devices:
            return list(arrays)
        device = devices[0]
    return [
        array if array.device is device else DeviceArray(array.buffer.copy_to_device(device), array.type)
        for array in arrays
    ]


_SCALARS: dict[Literal, DeviceArray] = {}
_SCALARS_LIMIT = 4096


# --- results ----------------------------------------------------------------------------------------------------------


def results_plan(structure: trees.Structure) -> Any:
    """Returns how the native dispatcher puts results of `structure` together: refer to `build_results` there."""
    return _results_plan(structure.key)


def _results_plan(key: NodeKey) -> Any:
    if key == LEAF:
        return None
    kind, metadata, children = key
    if kind is STATIC:
        return (_VALUE, 0, None, metadata[1], None)
    if kind.type is type(None):
        return (_VALUE, 0, None, None, None)
    number = len(child_keys(key))
    inner = None if isinstance(children, int) else tuple(map(_results_plan, children))
    if kind.type is tuple:
        return (_TUPLE, number, inner, None, None)
    if kind.type is list:
        return (_LIST, number, inner, None, None)
    if kind.type is dict:
        return (_DICTIONARY, number, inner, metadata, None)
    fields = _fields_of(kind)
    if fields is None:
        return (_CALL, number, inner, kind.unflatten, metadata)
    values = metadata[0] if metadata else ()
    statics = tuple(item for pair in zip(kind.static_names, values, strict=True) for item in pair)
    return (_INSTANCE, number, inner, kind.type, (fields, statics))


# --- configuration ----------------------------------------------------------------------------------------------------


def _address(function: str) -> int:
    return int(ffi.cast("uintptr_t", ffi.addressof(lib, function)))


def configure_dispatch() -> None:
    """Tells the native dispatcher what it calls. Must be called once, before anything is dispatched."""
    configure(
        execute=_address("ryft_execute"),
        release=_address("ryft_owner_release"),
        adopt=Buffer._adopt,
        array=DeviceArray,
        literal=Literal,
        convert=concrete,
        plan=plan_for,
        directory=os.path.dirname(__file__) + os.sep,
    )
