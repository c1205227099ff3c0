"""The cache of unpacked plugins: one directory per wheel, named after the wheel's SHA-256.

plugins/<sha256>/stamp.json     what was unpacked, and the size, time stamp and SHA-256 of the library
plugins/<sha256>/...            the library, at its path in the wheel, and the texts of licences
staging/<sha256>-<random>/      what is being downloaded and unpacked; renamed to the above once it is complete
locks/<sha256>.lock             held by the process that does so
sources/<digest>                SHA-256 of an archive that the user named, by its path, size and time stamp
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath

from ryft_xla_sys.errors import PluginError
from ryft_xla_sys.plugins.archives import licence_members, open_archive, select_member
from ryft_xla_sys.plugins.checksums import check_hash, check_platform, copy_and_hash, file_hash, is_library
from ryft_xla_sys.plugins.errors import ArchiveError, CacheError
from ryft_xla_sys.plugins.locations import PluginLocation, PluginSource
from ryft_xla_sys.plugins.manifest import PluginEntry
from ryft_xla_sys.plugins.progress import progress_bar

__all__ = ["CACHE_VARIABLE", "Cache", "CachedPlugin"]

CACHE_VARIABLE = "RYFT_XLA_SYS_CACHE"
"""Environment variable with the directory to use as the cache."""

_LOCK_TIMEOUT = 3600.0


@dataclass(frozen=True)
class CachedPlugin:
    """One plugin in the cache.

    Attributes:
        plugin: Name of the plugin.
        file: Name of the wheel or archive that the library was unpacked from.
        sha256: SHA-256 of that file.
        library: Path of the library, relative to the plugin's directory in the cache.
        library_size: Size of the library in bytes.
        library_sha256: SHA-256 of the library.
        library_modified: Time stamp of the library, in nanoseconds.
        directory: The plugin's directory in the cache.
    """

    plugin: str
    file: str
    sha256: str
    library: str
    library_size: int
    library_sha256: str
    library_modified: int
    directory: Path

    @property
    def path(self) -> Path:
        """Path of the library."""
        return self.directory / self.library

    def location(self, source: PluginSource, version: str | None) -> PluginLocation:
        """Returns this plugin as the result of the step `source` of the resolution."""
        return PluginLocation(self.plugin, self.path, source, version, self.sha256)


@dataclass(frozen=True)
class Cache:
    """The cache below one directory.

    Attributes:
        root: That directory. It is created when something is first put into it.
    """

    root: Path

    @classmethod
    def default(cls) -> Cache:
        """Returns the user's cache: the directory that `RYFT_XLA_SYS_CACHE` names or, without it, the platform's.

        Raises:
            CacheError: If the variable names the home directory of an unknown user.
        """
        chosen = os.environ.get(CACHE_VARIABLE)
        if chosen:
            try:
                return cls(Path(chosen).expanduser().absolute())
            except RuntimeError as error:
                raise CacheError(f"environment variable `{CACHE_VARIABLE}` is `{chosen}`: {error}") from None
        from platformdirs import user_cache_path  # Not at the top: most processes never look into the cache.

        return cls(user_cache_path("ryft", appauthor=False) / "xla")

    def directory(self, sha256: str) -> Path:
        """Returns where the plugin from the file with that SHA-256 is, or would be."""
        return self.root / "plugins" / sha256

    def find(self, sha256: str) -> CachedPlugin | None:
        """Returns the plugin that was unpacked from the file with that SHA-256, if it is here."""
        directory = self.directory(sha256)
        try:
            return CachedPlugin(
                **json.loads((directory / "stamp.json").read_text(encoding="utf-8")), directory=directory
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError) as error:
            failure = CacheError(f"cannot read the stamp of cached plugin `{directory}`: {error}")
            failure.add_note("hint: run `python -m ryft_xla_sys plugins remove --all`, or delete that directory")
            raise failure from None

    def hashes(self) -> list[str]:
        """Returns the SHA-256 of every file that a plugin was unpacked from and is here, be it damaged or not."""
        directory = self.root / "plugins"
        return sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []

    def check(self, cached: CachedPlugin, *, full: bool = False) -> CachedPlugin:
        """Checks that the library of `cached` is what was unpacked.

        Its size and time stamp are compared. Where they differ, or if `full`, so is its SHA-256.

        Raises:
            ChecksumError: If the library was altered.
            CacheError: If the library is gone.
        """
        try:
            status = cached.path.stat()
            fresh = (status.st_size, status.st_mtime_ns) == (cached.library_size, cached.library_modified)
            if fresh and not full:
                return cached
            with progress_bar(f"verifying {cached.plugin}", status.st_size) as advance:
                actual = file_hash(cached.path, advance)
        except OSError as error:
            failure = CacheError(f"cannot read cached library `{cached.path}`: {error.strerror}")
            failure.add_note(_refetch_hint(cached))
            raise failure from None
        try:
            check_hash(f"cached library `{cached.path}`", cached.library_sha256, actual)
        except PluginError as error:
            error.add_note(_refetch_hint(cached))
            raise
        if not fresh:
            # Only to save the next process the work: a cache that cannot be written to can still be used.
            with suppress(CacheError):
                return self._stamp(replace(cached, library_modified=status.st_mtime_ns))
        return cached

    @contextmanager
    def locked(self, sha256: str) -> Generator[Path]:
        """Holds the lock of the file with that SHA-256, and yields an empty directory to download and unpack in.

        Raises:
            CacheError: If the cache cannot be written to, or another process holds the lock for an hour.
        """
        # Not at the top: both the import and the lock are for those few processes that put something into the cache.
        from filelock import FileLock, Timeout

        lock = FileLock(self.root / "locks" / f"{sha256}.lock", timeout=_LOCK_TIMEOUT)
        try:
            for directory in ("locks", "staging", "plugins"):
                (self.root / directory).mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                with progress_bar("waiting for another process", None):
                    lock.acquire()
        except Timeout:
            raise CacheError(f"another process has held lock `{lock.lock_file}` for an hour") from None
        except OSError as error:
            raise self._unusable(error) from None
        try:
            self._clear(sha256)
            # A name of its own each time: the pip of a process that was killed may still write to the one before.
            yield Path(tempfile.mkdtemp(prefix=f"{sha256}-", dir=self.root / "staging"))
        except PluginError:
            raise
        except OSError as error:
            raise self._unusable(error) from None
        finally:
            self._clear(sha256)
            lock.release()

    def _clear(self, sha256: str) -> None:
        """Removes what this process, or one that was killed, has in staging. The lock must be held."""
        for directory in (self.root / "staging").glob(f"{sha256}*"):
            shutil.rmtree(directory, ignore_errors=True)

    def unpack(self, archive: Path, entry: PluginEntry, sha256: str, staging: Path, platform: str) -> CachedPlugin:
        """Unpacks a plugin's library from a wheel or another archive into the cache. The lock must be held.

        The library appears in the cache complete or, if anything is wrong with it, not at all.

        Args:
            archive: File to unpack, whose SHA-256 has been checked.
            entry: The plugin.
            sha256: SHA-256 of `archive`.
            staging: Directory that `locked` yielded.
            platform: Platform that the library must be for.

        Raises:
            ArchiveError: If the archive is damaged or does not hold the library.
            ChecksumError: If the library is not the one that the manifest names.
            UnsupportedPlatformError: If the library is for another platform.
            CacheError: If the cache cannot be written to.
        """
        target = staging / "unpacked"
        expected = {wheel.sha256: wheel.library_sha256 for wheel in entry.wheels.values()}.get(sha256)
        with open_archive(archive) as opened:
            names = opened.names()
            library = select_member(names, entry.member, entry.library_names)
            if library is None:
                raise ArchiveError(f"archive `{archive}` expected a library `{entry.member}`, but has none")
            extra = [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in entry.extract)]
            chosen = dict.fromkeys([library, *licence_members(names), *extra])
            hashes: dict[str, tuple[str, int]] = {}
            with progress_bar(f"unpacking {entry.name}", sum(opened.size(name) for name in chosen)) as advance:
                for name in chosen:
                    path = _member_path(target, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(name) as source, path.open("wb") as stream:
                        hashes[name] = copy_and_hash(source, stream, advance)
        if expected:
            check_hash(f"library `{library}` in `{archive.name}`", expected, hashes[library][0])
        path = target / library
        if not is_library(path):
            raise ArchiveError(
                f"archive `{archive.name}` expected a shared library at `{library}`, but has another file"
            )
        check_platform(path, platform)
        path.chmod(0o755)
        unpacked = CachedPlugin(
            plugin=entry.name,
            file=archive.name,
            sha256=sha256,
            library=library,
            library_size=hashes[library][1],
            library_sha256=hashes[library][0],
            library_modified=path.stat().st_mtime_ns,
            directory=target,
        )
        return self._publish(self._stamp(unpacked), staging)

    def remove(self, sha256: str) -> None:
        """Removes what was unpacked from the file with that SHA-256. Processes that have loaded it keep it.

        Raises:
            CacheError: If it cannot be removed.
        """
        # Renamed first, so that no process ever sees half of it.
        with self.locked(sha256) as staging, suppress(FileNotFoundError):
            self.directory(sha256).rename(staging / "removed")

    def known_hash(self, path: Path) -> str:
        """Returns the SHA-256 of the file at `path`, computed once for each path, size and time stamp."""
        status = path.stat()
        key = hashlib.sha256(f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}".encode()).hexdigest()
        note = self.root / "sources" / key
        if note.is_file():
            return note.read_text(encoding="ascii")
        with progress_bar(f"reading {path.name}", status.st_size) as advance:
            value = file_hash(path, advance)
        # Only to save the next process the work: a cache that cannot be written to may well hold the plugin already.
        with suppress(OSError):
            note.parent.mkdir(parents=True, exist_ok=True)
            staged = note.with_name(f"{key}.{os.getpid()}")
            staged.write_text(value, encoding="ascii")
            staged.replace(note)
        return value

    def _publish(self, unpacked: CachedPlugin, staging: Path) -> CachedPlugin:
        directory = self.directory(unpacked.sha256)
        try:
            if directory.exists():
                directory.rename(staging / "replaced")
            unpacked.directory.rename(directory)
        except OSError as error:
            raise self._unusable(error) from None
        return replace(unpacked, directory=directory)

    def _stamp(self, cached: CachedPlugin) -> CachedPlugin:
        fields = asdict(cached)
        del fields["directory"]
        staged = cached.directory / f"stamp.json.{os.getpid()}"
        try:
            staged.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
            staged.replace(cached.directory / "stamp.json")
        except OSError as error:
            raise self._unusable(error) from None
        return cached

    def _unusable(self, error: OSError) -> CacheError:
        failure = CacheError(f"cannot write to cache directory `{self.root}`: {error.strerror or error}")
        failure.add_note(
            f"hint: set {CACHE_VARIABLE} to a directory that can be written to and has room for the plugin"
        )
        return failure


def _member_path(directory: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts or (sys.platform == "win32" and ":" in name):
        raise ArchiveError(f"expected paths inside the archive, but got `{name}`")
    return directory.joinpath(*parts)


def _refetch_hint(cached: CachedPlugin) -> str:
    return f"hint: replace it with `python -m ryft_xla_sys plugins fetch --force {cached.plugin}`"
