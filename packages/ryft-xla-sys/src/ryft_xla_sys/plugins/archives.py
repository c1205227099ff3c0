"""Archives: wheels, zip and tar files, and directories of them, that hold a plugin's library."""

from __future__ import annotations

import fnmatch
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from ryft_xla_sys.plugins.errors import ArchiveError

__all__ = ["Archive", "is_archive", "licence_members", "open_archive", "select_member"]

_LICENCE_PATTERNS = ("*LICEN[CS]E*", "*NOTICE*")
_ZIP_MAGIC_NUMBERS = (b"PK\3\4", b"PK\5\6")
_ENCRYPTED = 1

# What the standard library raises for an archive that is truncated or altered, or packed in a way it does not know.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
)


class Archive(Protocol):
    """A zip or tar file that is open for reading."""

    def names(self) -> Sequence[str]:
        """Returns the paths of the files in the archive."""
        ...

    def size(self, name: str) -> int:
        """Returns the unpacked size of the file called `name`."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Opens the file called `name` for reading."""
        ...


class _Zip:
    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file

    def names(self) -> Sequence[str]:
        return [member.filename for member in self._file.infolist() if not member.is_dir()]

    def size(self, name: str) -> int:
        return self._file.getinfo(name).file_size

    def open(self, name: str) -> IO[bytes]:
        if self._file.getinfo(name).flag_bits & _ENCRYPTED:
            raise ArchiveError(f"expected an archive without a password, but got `{name}` encrypted")
        return self._file.open(name)


class _Tar:
    def __init__(self, file: tarfile.TarFile) -> None:
        self._members = {member.name.removeprefix("./"): member for member in file.getmembers() if member.isfile()}
        self._file = file

    def names(self) -> Sequence[str]:
        return list(self._members)

    def size(self, name: str) -> int:
        return self._members[name].size

    def open(self, name: str) -> IO[bytes]:
        stream = self._file.extractfile(self._members[name])
        if stream is None:
            raise ArchiveError(f"`{name}` is not a regular file of its archive")
        return stream


def is_archive(path: Path) -> bool:
    """Returns whether the file at `path` is a wheel or another zip file, or a tar file, by its name or its contents."""
    name = path.name.lower()
    if name.endswith((".so", ".dylib", ".dll")):
        return False
    named = name.endswith((".whl", ".zip", ".tar", ".tgz", ".tbz2", ".txz")) or ".tar." in name
    return named or _is_zip(path) or tarfile.is_tarfile(path)


def _is_zip(path: Path) -> bool:
    # Not `zipfile.is_zipfile`, which looks at the end: it takes a tar file whose last member is a wheel for that wheel.
    with path.open("rb") as stream:
        return stream.read(4) in _ZIP_MAGIC_NUMBERS


@contextmanager
def open_archive(path: Path) -> Generator[Archive]:
    """Opens the archive at `path`. What goes wrong while it is read, too, becomes an `ArchiveError`.

    Raises:
        ArchiveError: If the file is not an archive, or it is truncated or otherwise damaged.
    """
    try:
        file = zipfile.ZipFile(path) if _is_zip(path) else tarfile.open(path)  # noqa: SIM115 (closed below)
    except tarfile.ReadError:
        # Its text has a line for each way of packing that was tried.
        reason = "it is neither a zip file nor a tar file, or it is damaged"
        raise ArchiveError(f"cannot read archive `{path}`: {reason}") from None
    except (*_DAMAGE, OSError) as error:
        raise ArchiveError(f"cannot read archive `{path}`: {error}") from None
    with file:
        try:
            yield _Zip(file) if isinstance(file, zipfile.ZipFile) else _Tar(file)
        except _DAMAGE as error:
            raise ArchiveError(f"cannot read archive `{path}`: {error}") from None


def select_member(names: Sequence[str], member: str, library_names: Sequence[str]) -> str | None:
    """Returns which of `names` is a plugin's library: the one at path `member`, or else the only one so called.

    Raises:
        ArchiveError: If more than one fits.
    """
    if member in names:
        return member
    fitting = [name for name in names if PurePosixPath(name).name in library_names]
    if len(fitting) > 1:
        raise ArchiveError(
            f"expected one library, but got {len(fitting)}: {', '.join(f'`{name}`' for name in fitting)}"
        )
    return fitting[0] if fitting else None


def licence_members(names: Sequence[str]) -> list[str]:
    """Returns which of `names` are texts of licences, which must stay with the library."""
    return [name for name in names if any(fnmatch.fnmatch(PurePosixPath(name).name, p) for p in _LICENCE_PATTERNS)]
