"""The custom partitioner extension: how the compiler splits custom calls over devices."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ryft_pjrt._arguments import check_type
from ryft_pjrt.errors import PjrtError
from ryft_pjrt.extensions._handles import borrowed_bytes
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_xla_sys.ffi import NULL, CData, ffi, lib

__all__ = ["CustomPartitioner", "Operand", "Partition", "register_batch_partitionable", "register_custom_partitioner"]


@dataclass(frozen=True)
class Operand:
    """Operand or result of a custom call that is being partitioned.

    Attributes:
        shape: Serialized `ShapeProto`, of the whole array.
        sharding: Serialized `OpSharding`, or `None` where it has none yet.
    """

    shape: bytes
    sharding: bytes | None


@dataclass(frozen=True)
class Partition:
    """How one device computes its part of a custom call.

    Attributes:
        module: MLIR module with the part's function, as bytecode.
        operand_shardings: Serialized `OpSharding` that each operand is to have.
        result_sharding: Serialized `OpSharding` of the result.
    """

    module: bytes
    operand_shardings: Sequence[bytes]
    result_sharding: bytes


class CustomPartitioner(Protocol):
    """What the compiler asks about the custom calls of one name, on its own threads."""

    def partition(self, operands: Sequence[Operand], result: Operand, configuration: bytes) -> Partition:
        """Returns how one device computes its part."""
        ...

    def infer_sharding(self, operands: Sequence[Operand], result_shape: bytes, configuration: bytes) -> bytes | None:
        """Returns the sharding of the result, given those of the operands, or `None` to leave it open."""
        ...

    def propagate_user_sharding(self, result_shape: bytes, sharding: bytes, configuration: bytes) -> bytes:
        """Returns the sharding of the result, given the one that its user would like."""
        ...


_kept: list[object] = []
_results: dict[int, list[CData]] = {}
_numbers = itertools.count(1)


def register_custom_partitioner(
    source: Source, name: str, partitioner: CustomPartitioner, *, side_effects_may_be_replicated: bool = False
) -> None:
    """Makes `partitioner` answer for custom calls to `name`. It stays until the process ends.

    What it raises fails the compilation.

    Args:
        source: Plugin, or client of the plugin, that compiles.
        name: Name of the custom calls.
        partitioner: What is asked.
        side_effects_may_be_replicated: Whether calls with side effects may run on every device.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    api = api_of(source)
    api.extension_function("Custom_Partitioner", "register_custom_partitioner")
    functions = {
        "partition": _guarded(lambda arguments: _partition(partitioner, arguments), "Partition_Args"),
        "infer_sharding": _guarded(lambda arguments: _infer(partitioner, arguments), "InferShardingFromOperands_Args"),
        "propagate_user_sharding": _guarded(
            lambda arguments: _propagate(partitioner, arguments), "PropagateUserSharding_Args"
        ),
    }
    callbacks = ffi.new(
        "JAX_CustomCallPartitioner_Callbacks *",
        {
            "version": 1,
            "can_side_effecting_have_replicated_sharding": side_effects_may_be_replicated,
            "dtor": _DESTROY,
            **functions,
        },
    )
    _kept.extend((callbacks, functions))  # The plugin calls them as long as it is loaded.
    check_type("name", name, str, "text")
    encoded = name.encode()
    api.call_extension(
        "Custom_Partitioner",
        "register_custom_partitioner",
        name=borrowed_bytes(encoded),
        name_size=len(encoded),
        callbacks=callbacks,
    )


def register_batch_partitionable(source: Source, name: str) -> None:
    """Says that custom calls to `name` can be split along leading dimensions, which they treat as a batch.

    Raises:
        UnimplementedError: If the plugin does not have the extension, as on the CPU, or only its first version.
    """
    check_type("name", name, str, "text")
    encoded = name.encode()
    api_of(source).call_extension(
        "Custom_Partitioner",
        "register_batch_partitionable",
        name=borrowed_bytes(encoded),
        name_size=len(encoded),
    )


_DESTROY = ffi.callback("void (*)(JAX_CustomCallPartitioner_Callbacks *)", lambda callbacks: None)


@ffi.callback("void (*)(void *)")
def _clean_up(data: CData) -> None:
    _results.pop(int(ffi.cast("uintptr_t", data)), None)


def _guarded(function: Callable[[CData], list[CData]], struct: str) -> CData:
    """Returns a C function that calls `function`, and reports what it raises."""

    def call(callbacks: CData, arguments: CData) -> None:
        header, keep = arguments.header, list[CData]()
        try:
            keep = function(arguments)
            header.has_error = False
        except BaseException as error:  # Nothing may leave a function that C calls.
            header.has_error = True
            header.code = error.code if isinstance(error, PjrtError) else lib.PJRT_Error_Code_INTERNAL
            keep.append(_write(header.error_msg, f"{type(error).__name__}: {error}".encode()))
        # The compiler calls the function below once it has read what the arguments point to.
        number = next(_numbers)
        _results[number] = keep
        header.data, header.cleanup_fn = ffi.cast("void *", number), _clean_up

    return ffi.callback(f"void (*)(JAX_CustomCallPartitioner_Callbacks *, JAX_CustomCallPartitioner_{struct} *)", call)


def _read(source: CData) -> bytes:
    return bytes(ffi.buffer(source.data, source.size)) if source.size and source.data != NULL else b""


def _write(target: CData, content: bytes) -> CData:
    copy = ffi.new("char[]", content)
    target.data, target.size = copy, len(content)
    return copy


def _operand(source: CData) -> Operand:
    return Operand(_read(source.shape), _read(source.sharding) if source.has_sharding else None)


def _partition(partitioner: CustomPartitioner, arguments: CData) -> list[CData]:
    operands = [_operand(arguments.op_args[i]) for i in range(arguments.num_args)]
    result = partitioner.partition(operands, _operand(arguments.op_result), _read(arguments.backend_config))
    if len(result.operand_shardings) != len(operands):
        raise ValueError(
            f"`partition` expected {len(operands)} operand sharding(s), but got {len(result.operand_shardings)}"
        )
    shardings = ffi.new("JAX_CustomCallPartitioner_string[]", len(operands))
    keep = [shardings, *map(_write, shardings, result.operand_shardings)]
    arguments.args_sharding = shardings
    keep.append(_write(arguments.result_sharding, result.result_sharding))
    keep.append(_write(arguments.mlir_module, result.module))
    return keep


def _infer(partitioner: CustomPartitioner, arguments: CData) -> list[CData]:
    operands = [_operand(arguments.op_args[i]) for i in range(arguments.num_args)]
    sharding = partitioner.infer_sharding(operands, _read(arguments.result_shape), _read(arguments.backend_config))
    arguments.has_result_sharding = sharding is not None
    return [] if sharding is None else [_write(arguments.result_sharding, sharding)]


def _propagate(partitioner: CustomPartitioner, arguments: CData) -> list[CData]:
    sharding = partitioner.propagate_user_sharding(
        _read(arguments.result_shape), _read(arguments.result_sharding), _read(arguments.backend_config)
    )
    return [_write(arguments.result_sharding, sharding)]
