"""Errors of `ryft_pjrt`, together with those of the native layer that its functions raise.

RyftError
├── PluginError (OSError)               a file is not a PJRT plugin that can be loaded
├── ClosedError (ValueError)            an object was used after it was closed, deleted or donated
├── BufferInUseError (ValueError)       a buffer cannot be donated while a call or a view uses its memory
├── ArgumentError (ValueError)          a value does not fit what the called function needs
├── ArgumentTypeError (TypeError)       an object has a type that the called function does not take
├── OptionError (ValueError)            a client option is unknown, or has the wrong type
└── PjrtError (RuntimeError)            a PJRT function returned an error; one class for each status code
"""

from __future__ import annotations

from ryft_xla_sys.errors import (
    PJRT_ERRORS,
    AbortedError,
    AlreadyExistsError,
    CancelledError,
    ClosedError,
    DataLossError,
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OutOfRangeError,
    PermissionDeniedError,
    PjrtError,
    PluginError,
    ResourceExhaustedError,
    RyftError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
    UnknownError,
)
from ryft_xla_sys.ffi import CData, ffi

__all__ = [
    "PJRT_ERRORS",
    "AbortedError",
    "AlreadyExistsError",
    "ArgumentError",
    "ArgumentTypeError",
    "BufferInUseError",
    "CancelledError",
    "ClosedError",
    "DataLossError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OptionError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "PjrtError",
    "PluginError",
    "ResourceExhaustedError",
    "RyftError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
    "error_to_c",
]


class ArgumentError(RyftError, ValueError):
    """A value does not fit what the called function needs: a shape, a device, a count, an index, a size."""


class ArgumentTypeError(RyftError, TypeError):
    """An object has a type that the called function does not take, or a data type that no device array can have."""


class OptionError(RyftError, ValueError):
    """An option of a client or a topology is unknown to the platform, or its value has the wrong type."""


class BufferInUseError(RyftError, ValueError):
    """A buffer cannot be donated because another call, or a view of its memory, is using it."""


def error_to_c(error: PjrtError) -> tuple[int, CData, int]:
    """Returns the code, the message and the size of the message, as C functions that take an error want them.

    Raises:
        ArgumentTypeError: If `error` is not an error of PJRT.
    """
    if not isinstance(error, PjrtError):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentTypeError(f"`error` expected a `PjrtError`, but got `{type(error).__name__}`")
    message = str(error).encode()
    return error.code, ffi.new("char[]", message), len(message)
