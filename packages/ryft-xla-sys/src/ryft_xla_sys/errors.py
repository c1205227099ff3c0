"""Errors of the native layer.

RyftError
├── PluginError (OSError)               a file is not a PJRT plugin that can be loaded
├── DataTypeError (TypeError)           a data type is unknown here, or does not fit what it is used for
├── ClosedError (ValueError)            an object was used after it was closed, deleted or donated
└── PjrtError (RuntimeError)            a PJRT function returned an error; one class for each status code
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "PJRT_ERRORS",
    "AbortedError",
    "AlreadyExistsError",
    "CancelledError",
    "ClosedError",
    "DataLossError",
    "DataTypeError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
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
]


class RyftError(Exception):
    """Base of every error that Ryft raises on purpose."""


class PluginError(RyftError, OSError):
    """A file that was to be loaded is missing, is not a shared library, or is not a PJRT plugin we can speak to."""


class DataTypeError(RyftError, TypeError):
    """A data type is unknown, is not one that an operation is defined for, or does not combine with another one."""


class ClosedError(RyftError, ValueError):
    """An object was used after it was closed, deleted or donated, or after the client that owns it was closed."""


class PjrtError(RyftError, RuntimeError):
    """A PJRT function returned an error.

    Attributes:
        function: Name of the PJRT function that failed, where one is known.
        payload: The structured payloads that the plugin attached, by type URL.
    """

    code: ClassVar[int] = 2

    def __init__(self, message: str, function: str | None = None, payload: dict[str, bytes] | None = None) -> None:
        super().__init__(message)
        self.function = function
        self.payload = payload or {}


class CancelledError(PjrtError):
    """The operation was cancelled (status code 1)."""

    code = 1


class UnknownError(PjrtError):
    """The plugin could not say what went wrong (status code 2)."""

    code = 2


class InvalidArgumentError(PjrtError, ValueError):
    """An argument is not valid, whatever the state of the system (status code 3)."""

    code = 3


class DeadlineExceededError(PjrtError, TimeoutError):
    """The operation did not finish in time (status code 4)."""

    code = 4


class NotFoundError(PjrtError, LookupError):
    """Something that was asked for does not exist (status code 5)."""

    code = 5


class AlreadyExistsError(PjrtError):
    """Something that was to be created exists already (status code 6)."""

    code = 6


class PermissionDeniedError(PjrtError, PermissionError):
    """The caller may not do this (status code 7)."""

    code = 7


class ResourceExhaustedError(PjrtError, MemoryError):
    """Memory, or another resource of the device, ran out (status code 8)."""

    code = 8


class FailedPreconditionError(PjrtError):
    """The system is not in the state that the operation needs (status code 9)."""

    code = 9


class AbortedError(PjrtError):
    """The operation was aborted (status code 10)."""

    code = 10


class OutOfRangeError(PjrtError, IndexError):
    """A value lies outside the valid range (status code 11)."""

    code = 11


class UnimplementedError(PjrtError, NotImplementedError):
    """The plugin does not offer this (status code 12)."""

    code = 12


class InternalError(PjrtError):
    """The plugin broke one of its own invariants (status code 13)."""

    code = 13


class UnavailableError(PjrtError):
    """The service is not available at present (status code 14)."""

    code = 14


class DataLossError(PjrtError):
    """Data was lost or corrupted beyond recovery (status code 15)."""

    code = 15


class UnauthenticatedError(PjrtError):
    """The caller could not be identified (status code 16)."""

    code = 16


PJRT_ERRORS: dict[int, type[PjrtError]] = {error.code: error for error in PjrtError.__subclasses__()}
"""The error class of each status code."""
