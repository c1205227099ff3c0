"""Kernels for the CPU that come inside `jaxlib`: LAPACK, and products of sparse matrices.

They are handlers of the XLA FFI, called by custom calls such as `lapack_dpotrf_ffi`. A plugin drops a handler of
another version of the XLA FFI than its own without a word, so the versions are compared here, and a mismatch is raised.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

from ryft_xla_sys.api import Api
from ryft_xla_sys.errors import NotFoundError, PluginError
from ryft_xla_sys.ffi import CData, ffi
from ryft_xla_sys.ffi_calls import ffi_version, handler_version, register_handler

__all__ = ["HostKernel", "HostKernelVersionError", "check_host_kernels", "host_kernels", "register_host_kernels"]


class HostKernelVersionError(PluginError):
    """The kernels were compiled for another version of the XLA FFI than the plugin has.

    Attributes:
        expected: The version that the plugin has, or `None` if it does not tell.
        actual: The version that the kernels have.
    """

    def __init__(self, message: str, expected: tuple[int, int] | None, actual: tuple[int, int]) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


@dataclass(frozen=True)
class HostKernel:
    """One kernel.

    Attributes:
        name: Name that custom calls use, for example `lapack_dpotrf_ffi`.
        family: Library that it calls. Those of `lapack` work only once registered by `register_host_kernels`, which
            connects them to LAPACK.
        address: Address of the handler.
        stages: Stages of an execution that it handles.
    """

    name: str
    family: Literal["lapack", "sparse"]
    address: int
    stages: tuple[str, ...] = ("execute",)

    @property
    def handler(self) -> CData:
        """The handler, as an `XLA_FFI_Handler *`."""
        return ffi.cast("XLA_FFI_Handler *", self.address)

    def version(self, api: Api) -> tuple[int, int]:
        """Returns the version of the XLA FFI that the kernel was compiled for, as it tells a plugin that asks."""
        return handler_version(self.handler, api)


@cache
def host_kernels() -> Mapping[str, HostKernel]:
    """Returns every kernel that the installed `jaxlib` has, by name."""
    # Not at the top: few programs need them.
    from jaxlib import cpu_sparse, lapack

    kernels: dict[str, HostKernel] = {}
    families: tuple[tuple[Literal["lapack", "sparse"], Any], ...] = (("lapack", lapack), ("sparse", cpu_sparse))
    for family, module in families:
        for name, capsule, version in module.registrations()["cpu"]:
            # Version 0 is the interface from before the XLA FFI, which PJRT cannot register.
            if version == 1:
                kernels[name] = HostKernel(name, family, _capsule_address(capsule))
    return kernels


def check_host_kernels(api: Api) -> None:
    """Checks that the kernels and a plugin have the same version of the XLA FFI.

    Raises:
        HostKernelVersionError: If they do not, or the plugin does not tell which version it has.
        UnimplementedError: If the plugin has no XLA FFI.
    """
    expected = ffi_version(api)
    for actual in {kernel.version(api) for kernel in _representatives()}:
        if actual == expected:
            continue
        told = f"{expected[0]}.{expected[1]}" if expected else "none that it tells"
        error = HostKernelVersionError(
            f"the kernels of `jaxlib` {importlib.metadata.version('jaxlib')} expected a plugin with XLA FFI "
            f"{actual[0]}.{actual[1]}, but got plugin `{api.path.name}` with {told}",
            expected,
            actual,
        )
        error.add_note("hint: install a `jaxlib` and a plugin that were built from the same release of XLA")
        raise error


def register_host_kernels(api: Api, names: Iterable[str] | None = None) -> None:
    """Registers kernels with a CPU plugin, so that programs it compiles can call them. May be called again.

    Args:
        api: The plugin.
        names: Names of the kernels, by default all.

    Raises:
        NotFoundError: If `jaxlib` has no kernel of one of the names.
        HostKernelVersionError: If the kernels and the plugin have different versions of the XLA FFI.
        UnimplementedError: If the plugin has no XLA FFI.
        PjrtError: If the plugin refuses a kernel, for example because another handler has its name.
    """
    kernels = host_kernels()
    done = _REGISTERED.setdefault(api, set())
    chosen = [name for name in (kernels if names is None else names) if name not in done]
    unknown = next((name for name in chosen if name not in kernels), None)
    if unknown is not None:
        version = importlib.metadata.version("jaxlib")
        raise NotFoundError(f"expected the name of a kernel of `jaxlib` {version}, but got `{unknown}`")
    if not chosen:
        return
    check_host_kernels(api)
    if any(kernels[name].family == "lapack" for name in chosen):
        _initialize_lapack()
    for name in chosen:
        register_handler(api, name, kernels[name].handler)
        done.add(name)


_REGISTERED: WeakKeyDictionary[Api, set[str]] = WeakKeyDictionary()


@cache
def _initialize_lapack() -> None:
    """Gives the kernels the addresses of the functions of LAPACK, which they take from SciPy."""
    from jaxlib.cpu import _lapack

    _lapack.initialize()


def _representatives() -> list[HostKernel]:
    """Returns one kernel of each family: those of a family are compiled together."""
    return list({kernel.family: kernel for kernel in host_kernels().values()}.values())


def _capsule_address(capsule: object) -> int:
    get_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
    get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    return get_pointer(capsule, get_name(capsule))
