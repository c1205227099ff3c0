"""The Triton extension: compilation of Triton kernels for GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from ryft_pjrt.devices import Device
from ryft_pjrt.errors import ArgumentError, InvalidArgumentError
from ryft_pjrt.extensions._handles import borrowed_bytes
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_xla_sys.ffi import NULL, ffi, text

__all__ = ["TritonKernel", "compile_triton_kernel"]


@dataclass(frozen=True)
class TritonKernel:
    """Compiled kernel.

    Attributes:
        assembly: Code for the GPU, as the platform's assembler text or binary.
        shared_memory_bytes: Shared memory that a block needs.
        path: File that holds the code instead, on platforms that write one.
    """

    assembly: bytes
    shared_memory_bytes: int
    path: str | None = None


def compile_triton_kernel(
    target: Source | Device,
    module: bytes | str,
    architecture: str | None = None,
    *,
    warp_count: int = 4,
    cta_count: int = 1,
    stage_count: int = 3,
) -> TritonKernel:
    """Compiles a kernel.

    Args:
        target: Device to compile for, or a plugin, or a client of it.
        module: MLIR module in the Triton dialect.
        architecture: Architecture, as `9.0` for CUDA or `gfx90a` for ROCm. Defaults to that of the device.
        warp_count: Warps in a block.
        cta_count: Blocks in a cluster.
        stage_count: Stages of the software pipeline.

    Raises:
        ArgumentError: If a count is not positive, or the architecture is not known.
        PjrtError: If the module is malformed, or cannot be compiled.
        UnimplementedError: If the plugin does not have the extension, as on the CPU.
    """
    counts = {"warp_count": warp_count, "cta_count": cta_count, "stage_count": stage_count}
    for name, count in counts.items():
        if not 0 < count < 2**31:
            raise ArgumentError(f"`{name}` expected a positive 32-bit number, but got {count}")
    api = api_of(target.client if isinstance(target, Device) else target)
    api.extension_function("Triton", "compile")
    if architecture is None and isinstance(target, Device):
        architecture = target.compute_capability
    if architecture is None:
        raise ArgumentError(f"`architecture` expected a name such as `9.0`, but {target!r} does not tell one")
    code = module.encode() if isinstance(module, str) else bytes(module)
    arguments = api.call_extension(
        "Triton",
        "compile",
        module=borrowed_bytes(code),
        module_size=len(code),
        arch_name=borrowed_bytes(architecture.encode()),
        arch_name_size=len(architecture.encode()),
        num_warps=warp_count,
        num_ctas=cta_count,
        num_stages=stage_count,
    )
    if arguments.out_asm == NULL and arguments.out_path == NULL:
        raise InvalidArgumentError("the plugin returned a kernel without code")
    path = text(arguments.out_path, arguments.out_path_size) if arguments.out_path != NULL else None
    assembly = bytes(ffi.buffer(arguments.out_asm, arguments.out_asm_size)) if arguments.out_asm != NULL else b""
    return TritonKernel(assembly, arguments.out_smem_bytes, path)
