"""Fetching: the exact wheel that the manifest names, by pip's own hash-checked download, unpacked into the cache.

Ryft never talks to a package index: pip does, so indexes, mirrors, proxies and credentials are those that the user
configured for pip.
"""

from __future__ import annotations

import importlib.machinery
import os
import re
import subprocess
import sys
from pathlib import Path

from ryft_xla_sys.errors import PluginError
from ryft_xla_sys.plugins.cache import Cache, CachedPlugin
from ryft_xla_sys.plugins.checksums import check_hash, file_hash
from ryft_xla_sys.plugins.errors import ChecksumError, FetchError, OfflineError
from ryft_xla_sys.plugins.manifest import PluginEntry, Wheel, current_platform
from ryft_xla_sys.plugins.progress import progress_bar

__all__ = ["OFFLINE_VARIABLE", "download_wheel", "fetch_plugin", "is_offline"]

OFFLINE_VARIABLE = "RYFT_XLA_SYS_OFFLINE"
"""Environment variable that, set to `1`, forbids fetching."""

_FALSE = ("", "0", "false", "no", "off")


def is_offline() -> bool:
    """Returns whether the environment variable `RYFT_XLA_SYS_OFFLINE` forbids fetching."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in _FALSE


def fetch_plugin(
    entry: PluginEntry, *, platform: str | None = None, force: bool = False, cache: Cache | None = None
) -> CachedPlugin:
    """Returns the plugin from the cache, after downloading and unpacking it if it is not there.

    Processes that fetch the same plugin at the same time wait for each other; one of them downloads.

    Args:
        entry: The plugin.
        platform: Platform to fetch it for, by default the one that this process runs on.
        force: Whether to download it even if it is in the cache, and replace what is there.
        cache: Cache to use, by default the user's.

    Raises:
        UnsupportedPlatformError: If the plugin has no build for the platform.
        OfflineError: If it would have to be downloaded, but `RYFT_XLA_SYS_OFFLINE` is set.
        FetchError: If pip cannot download it.
        ChecksumError: If what was downloaded, or what is in the cache, is not the file that the manifest names.
    """
    cache = cache or Cache.default()
    wheel = entry.wheel(platform)
    cached = None if force else cache.find(wheel.sha256)
    if cached is not None:
        return cache.check(cached)
    _check_online(entry)
    with cache.locked(wheel.sha256) as staging:
        # Another process may have put it there while this one waited for the lock.
        cached = None if force else cache.find(wheel.sha256)
        if cached is not None:
            return cached
        path = download_wheel(entry, wheel, staging)
        return cache.unpack(path, entry, wheel.sha256, staging, wheel.platform)


def download_wheel(entry: PluginEntry, wheel: Wheel, directory: Path) -> Path:
    """Downloads the wheel of a plugin into `directory`, without unpacking it, and returns its path.

    Raises:
        OfflineError: If `RYFT_XLA_SYS_OFFLINE` is set.
        FetchError: If there is no pip, or pip cannot download the wheel.
        ChecksumError: If the file has another SHA-256 than the manifest says.
    """
    _check_online(entry)
    # Not `importlib.util.find_spec`: setuptools takes that for a run of pip, and stops providing `distutils`.
    if importlib.machinery.PathFinder.find_spec("pip") is None:
        error = FetchError(f"cannot fetch plugin `{entry.name}`: this Python environment has no pip")
        error.add_note("hint: run `python -m ensurepip`, or install the plugin's distribution with your own installer")
        raise error
    requirements = directory / "requirements.txt"
    requirements.write_text(f"{entry.distribution}=={entry.version} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--no-input", "--disable-pip-version-check", *_target_options(wheel), "--dest", str(directory)]
    code, output = _run_pip([*command, "--requirement", str(requirements)], f"downloading {entry.name}", wheel.size)
    requirements.unlink()
    if code != 0:
        raise _failure(entry, wheel, output)
    path = directory / wheel.file
    if not path.is_file():
        raise FetchError(f"pip was to download `{wheel.file}`, but that file is not among what it downloaded")
    # pip has checked it already; this check is ours, and also covers an index that serves the file unchecked.
    check_hash(f"wheel `{wheel.file}`", wheel.sha256, file_hash(path))
    return path


def _check_online(entry: PluginEntry) -> None:
    if is_offline():
        error = OfflineError(
            f"plugin `{entry.name}` is not on this machine, and {OFFLINE_VARIABLE} forbids fetching it"
        )
        error.add_note("hint: set RYFT_XLA_SYS_ARCHIVE to a directory or an archive that holds its wheel")
        raise error


def _target_options(wheel: Wheel) -> list[str]:
    """Returns pip's options that select exactly the tags in the name of `wheel`, whatever this process runs on."""
    python, abi, platforms = wheel.file.removesuffix(".whl").rsplit("-", 3)[1:]
    options = [option for platform in platforms.split(".") for option in ("--platform", platform)]
    interpreter = re.fullmatch(r"(cp)(\d+)", python.split(".")[0])
    if interpreter:
        options += ["--implementation", interpreter[1], "--python-version", interpreter[2]]
        options += [option for name in abi.split(".") for option in ("--abi", name)]
    return options


def _run_pip(command: list[str], description: str, size: int) -> tuple[int, str]:
    """Runs pip with a progress bar and returns its exit status and what it wrote."""
    raw = sys.stderr.isatty()
    command = [*command, f"--progress-bar={'raw' if raw else 'off'}"]
    lines: list[str] = []
    with progress_bar(description, size) as advance:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
        )
        done = 0
        with process:
            try:
                for line in process.stdout or ():
                    progress = re.match(r"Progress (\d+) of", line)
                    if progress:
                        advance(max(0, int(progress[1]) - done))
                        done = max(done, int(progress[1]))
                    else:
                        lines.append(line)
            except BaseException:
                # For example, the user's interrupt: pip must not go on without us.
                process.kill()
                raise
    return process.returncode, "".join(lines)


def _failure(entry: PluginEntry, wheel: Wheel, output: str) -> PluginError:
    actual = re.search(r"^\s*Got\s+([0-9a-f]{64})", output, re.MULTILINE)
    if actual:
        message = f"wheel `{wheel.file}` expected SHA-256 {wheel.sha256}, but got {actual[1]}"
        return ChecksumError(message, wheel.sha256, actual[1])
    errors = [line.removeprefix("ERROR: ") for line in output.splitlines() if line.startswith("ERROR: ")]
    reason = errors[-1].strip() if errors else "pip gave no reason"
    if reason == "Exception:":
        # What pip does not expect, such as a full disk: a traceback follows, whose last line says what it was.
        reason = output.rstrip().rpartition("\n")[2]
    error = FetchError(f"pip cannot download plugin `{entry.name}` ({entry.distribution} {entry.version}): {reason}")
    if entry.note and not wheel.computed:
        error.add_note(f"hint: {entry.note}")
    extra = "" if wheel.platform == current_platform() else f" --platform {wheel.platform}"
    error.add_note(
        f"hint: check pip's index and proxy settings, or fetch it elsewhere with `python -m ryft_xla_sys plugins fetch "
        f"{entry.name}{extra} --output DIRECTORY` and set RYFT_XLA_SYS_ARCHIVE to that directory"
    )
    return error
