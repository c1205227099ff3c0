"""Checksums: SHA-256 of files and streams, with progress, and the check of which platform a library was built for."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ryft_xla_sys.plugins.errors import ChecksumError, UnsupportedPlatformError

__all__ = ["check_hash", "check_platform", "copy_and_hash", "file_hash", "is_library", "library_platform"]

_CHUNK = 1 << 20
_ELF_MACHINES = {0x3E: "x86_64", 0xB7: "aarch64", 0x28: "arm", 0xF3: "riscv64", 0x15: "ppc64", 0x16: "s390x"}
_MACH_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
_PE_MACHINES = {0x8664: "x86_64", 0xAA64: "aarch64"}
_MAGIC_NUMBERS = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ")


def check_hash(subject: str, expected: str, actual: str) -> None:
    """Raises a `ChecksumError` about `subject` if `actual` is not `expected`."""
    if expected != actual:
        raise ChecksumError(f"{subject} expected SHA-256 {expected}, but got {actual}", expected, actual)


def copy_and_hash(source: IO[bytes], target: IO[bytes] | None, advance: Callable[[int], object]) -> tuple[str, int]:
    """Copies `source` to `target`, if there is one, and returns the SHA-256 and the number of the bytes read.

    `advance` is called with the size of each piece, once it has been written.
    """
    digest = hashlib.sha256()
    size = 0
    while piece := source.read(_CHUNK):
        digest.update(piece)
        if target is not None:
            target.write(piece)
        size += len(piece)
        advance(len(piece))
    return digest.hexdigest(), size


def file_hash(path: Path, advance: Callable[[int], object] = lambda _: None) -> str:
    """Returns the SHA-256 of the file at `path`."""
    with path.open("rb") as stream:
        return copy_and_hash(stream, None, advance)[0]


def is_library(path: Path) -> bool:
    """Returns whether the file at `path` begins like a shared library of any platform: an ELF, Mach-O or PE file."""
    with path.open("rb") as stream:
        return stream.read(4).startswith(_MAGIC_NUMBERS)


def library_platform(path: Path) -> str | None:
    """Returns the platform that a shared library was built for, for example `linux-x86_64`, read from its header.

    Returns:
        `None` where the file is not an ELF, Mach-O or PE file, or its header does not tell.
    """
    with path.open("rb") as stream:
        header = stream.read(4096)
    if header[:4] == b"\x7fELF" and len(header) >= 20:
        machine = _ELF_MACHINES.get(struct.unpack_from("<H" if header[5] == 1 else ">H", header, 18)[0])
        return machine and f"linux-{machine}"
    if header[:4] == b"\xcf\xfa\xed\xfe" and len(header) >= 8:
        machine = _MACH_MACHINES.get(struct.unpack_from("<I", header, 4)[0])
        return machine and f"macos-{machine}"
    if header[:2] == b"MZ" and len(header) >= 64:
        (offset,) = struct.unpack_from("<I", header, 60)
        if header[offset : offset + 4] == b"PE\0\0" and len(header) >= offset + 6:
            machine = _PE_MACHINES.get(struct.unpack_from("<H", header, offset + 4)[0])
            return machine and f"windows-{machine}"
    return None


def check_platform(path: Path, platform: str) -> None:
    """Raises an `UnsupportedPlatformError` if the library at `path` says that it is for another platform."""
    actual = library_platform(path)
    if actual is not None and actual != platform:
        raise UnsupportedPlatformError(f"library `{path.name}` expected platform `{platform}`, but got `{actual}`")
