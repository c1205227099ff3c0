"""Cache of compiled programs on disk, shared by processes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import struct
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ryft_pjrt._arguments import check_integer, check_type
from ryft_pjrt.errors import PjrtError
from ryft_pjrt.loaded_executables import LoadedExecutable, ParameterTypes, compile_program, load_serialized

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client
    from ryft_pjrt.compilation_options import CompilationOptions
    from ryft_pjrt.programs import Program

__all__ = ["ExecutableCache"]

_SUFFIX = ".executable"
_DIGEST_SUFFIX = ".digest"
_TEMPORARY_SUFFIX = ".new"
_FORMAT = b"ryft executable cache 1"


@cache
def _processor() -> bytes:
    """Returns what tells apart processors that cannot run each other's code: machines may share the directory."""
    lines: list[str] = []
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        lines = [line for line in file if line.lower().startswith(("flags", "features"))]
    return "\0".join((platform.machine(), *sorted(set(lines)))).encode()


class ExecutableCache:
    """Directory of compiled programs.

    An entry is found by everything that it depends on: the program, the options, the contents of the plugin's file, the
    version of the platform, the number of devices and their kind, and the instructions that the processor has. Entries
    are written atomically, so processes can share the directory. A damaged entry is removed, and the program is
    compiled anew. When the cache grows beyond its limit, the entries that were not used for the longest time are
    removed.

    Attributes:
        directory: Directory of the entries.
        limit_in_bytes: Largest size of all entries together.
        hits: Number of programs that this object found.
        misses: Number of programs that this object did not find.
    """

    def __init__(self, directory: str | os.PathLike[str], limit_in_bytes: int = 2**30) -> None:
        """Opens the cache in a directory, which is created when it is needed.

        Raises:
            ArgumentError: If the limit is not positive.
        """
        check_type("directory", directory, (str, os.PathLike), "a path")
        check_integer("limit_in_bytes", limit_in_bytes, 1, 2**63 - 1)
        self.directory = Path(directory)
        self.limit_in_bytes = limit_in_bytes
        self.hits = 0
        self.misses = 0

    def key(self, client: Client, program: Program, options: CompilationOptions) -> str:
        """Returns the name of the entry for a program."""
        parts = [
            _FORMAT,
            program.format.encode(),
            program.code,
            options.serialize(),
            self._plugin_digest(client.plugin.api.path).encode(),
            client.platform_name.encode(),
            client.platform_version.encode(),
            *(f"{device.id} {device.kind}".encode() for device in client.devices),
            os.environ.get("XLA_FLAGS", "").encode(),
            _processor(),
        ]
        digest = hashlib.sha256()
        for part in parts:
            digest.update(struct.pack("<Q", len(part)))
            digest.update(part)
        return digest.hexdigest()

    def _plugin_digest(self, path: Path) -> str:
        """Returns the SHA-256 of a plugin's file.

        Plugins have hundreds of megabytes, so the digest is kept beside the entries until the file changes.
        """
        status = path.stat()
        version = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}"
        kept = self.directory / f"{hashlib.sha256(version.encode()).hexdigest()}{_DIGEST_SUFFIX}"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            digest = kept.read_text()
            if re.fullmatch(r"[0-9a-f]{64}", digest):
                return digest
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with contextlib.suppress(OSError):
            self._write(kept, digest.encode())
        return digest

    def compile(
        self,
        client: Client,
        program: Program,
        options: CompilationOptions,
        parameter_types: ParameterTypes | None = None,
    ) -> LoadedExecutable:
        """Returns the program, loaded from the cache if it is there, or else compiled and stored.

        A cache that cannot be read or written costs time, but never makes a compilation fail.
        """
        path = self.directory / f"{self.key(client, program, options)}{_SUFFIX}"
        found = self._load(client, path, parameter_types)
        if found is not None:
            self.hits += 1
            return found
        self.misses += 1
        executable = compile_program(client, program, options, parameter_types)
        # Not every plugin can serialize, and a full disk is no reason to fail.
        with contextlib.suppress(PjrtError, OSError):
            self._store(path, executable.serialize())
        return executable

    def _load(self, client: Client, path: Path, parameter_types: ParameterTypes | None) -> LoadedExecutable | None:
        try:
            data = path.read_bytes()
        except OSError:
            return None
        try:
            executable = load_serialized(client, data, None, parameter_types)
        except PjrtError:
            # Damaged, or not loadable after all.
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        # The time of last access is often not kept by file systems, so that of last change stands for it.
        with contextlib.suppress(OSError):
            os.utime(path)
        return executable

    def _store(self, path: Path, data: bytes) -> None:
        if len(data) <= self.limit_in_bytes:
            self._write(path, data)
            self._shrink(path)

    def _write(self, path: Path, data: bytes) -> None:
        """Writes a file at once, so that no process ever sees a part of it."""
        import tempfile  # Only here: it takes longer to load than all of this package's native code.

        self.directory.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=self.directory, prefix=".", suffix=_TEMPORARY_SUFFIX)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _shrink(self, newest: Path) -> None:
        """Removes the entries that were not used for the longest time, as far as the cache is too large."""
        entries: list[tuple[float, int, Path]] = []
        for path in self.directory.iterdir():
            with contextlib.suppress(OSError):
                status = path.stat()
                if path.suffix == _SUFFIX:
                    entries.append((status.st_mtime, status.st_size, path))
                elif path.suffix == _TEMPORARY_SUFFIX and time.time() - status.st_mtime > 3600:
                    # What a process left that was killed while it wrote.
                    path.unlink()
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total <= self.limit_in_bytes:
                return
            if path != newest:
                with contextlib.suppress(OSError):
                    path.unlink()
                total -= size

    @property
    def size_in_bytes(self) -> int:
        """Size of all entries together."""
        total = 0
        for path in self.directory.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                total += path.stat().st_size
        return total

    def clear(self) -> None:
        """Removes all entries."""
        for path in self.directory.glob(f"*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                path.unlink()

    def __repr__(self) -> str:
        return f"ExecutableCache({str(self.directory)!r}, limit_in_bytes={self.limit_in_bytes})"
