"""The command `python -m ryft_xla_sys plugins`: what plugins there are, and fetching, checking and removing them."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ryft_xla_sys.errors import RyftError
from ryft_xla_sys.plugins.cache import Cache
from ryft_xla_sys.plugins.discovery import locate_plugin
from ryft_xla_sys.plugins.errors import CacheError, FetchError
from ryft_xla_sys.plugins.fetching import download_wheel, fetch_plugin
from ryft_xla_sys.plugins.installed import registered_plugins
from ryft_xla_sys.plugins.inventory import PluginStatus, inspect_plugin, inspect_plugins, verify_plugin
from ryft_xla_sys.plugins.manifest import Manifest, PluginEntry, current_platform, load_manifest
from ryft_xla_sys.plugins.runtime import find_runtime_libraries, missing_runtime_hints

__all__ = ["run"]

_EPILOG = "exit status: 0 if all went well, 1 if something failed or was not found, 2 for wrong usage"
_NARROWEST = 12


def run(arguments: Sequence[str]) -> int:
    """Runs the command with the given arguments and returns its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = int(options.command(options))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever reads the output has seen enough. Python must not try to write the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
    except RyftError as error:
        _report(error)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ryft_xla_sys plugins", description=__doc__, epilog=_EPILOG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Any, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, epilog=_EPILOG)
        added.set_defaults(command=command)
        added.add_argument("--json", action="store_true", help="print JSON")
        return added

    add("list", _list, "List every plugin with its state on this machine.")
    add("info", _info, "Show all that is known about a plugin.").add_argument("name")
    path = add("path", _path, "Print the path of a plugin's library.")
    path.add_argument("name")
    path.add_argument("--fetch", action="store_true", help="fetch the plugin if it is not on this machine")
    fetch = add("fetch", _fetch, "Download plugins into the cache.")
    fetch.add_argument("names", nargs="+", metavar="name")
    fetch.add_argument("--platform", help=f"platform to fetch for (default: {current_platform()})")
    fetch.add_argument("--force", action="store_true", help="download again what is in the cache")
    fetch.add_argument(
        "--output", type=Path, metavar="DIRECTORY", help="put the wheels into this directory, for RYFT_XLA_SYS_ARCHIVE"
    )
    verify = add("verify", _verify, "Check the SHA-256 of plugins that are on this machine.")
    verify.add_argument("names", nargs="*", metavar="name", help="plugins to check (default: all that are here)")
    remove = add("remove", _remove, "Remove plugins from the cache.")
    remove.add_argument("names", nargs="*", metavar="name")
    remove.add_argument("--all", action="store_true", help="remove everything from the cache")
    return parser


def _list(options: argparse.Namespace) -> int:
    known = [_summary(status) for status in inspect_plugins()]
    paths = {status["path"] for status in known}
    others = [
        {"name": found.name, "distribution": found.distribution, "version": found.version, "path": str(found.path)}
        for found in registered_plugins()
        if str(found.path.resolve()) not in paths
    ]
    if options.json:
        _print_json({"platform": current_platform(), "plugins": known, "others": others})
        return 0
    rows = [[row["name"], row["title"], row["state"], row["source"], row["version"], row["path"]] for row in known]
    rows += [
        [other["name"], "(not in the manifest)", "ready", "distribution", *list(other.values())[2:]] for other in others
    ]
    _print_table(["plugin", "for", "state", "source", "version", "library"], rows)
    for row in known:
        remark = row["problem"] or (row["state"] == "elsewhere" and load_manifest().plugin(row["name"]).note)
        if remark:
            print(f"{row['name']}: {remark}")
    return 0


def _info(options: argparse.Namespace) -> int:
    entry = load_manifest().plugin(options.name)
    files = find_runtime_libraries(entry)
    hints = missing_runtime_hints(entry)
    details = {
        **_summary(inspect_plugin(entry)),
        "distribution": entry.distribution,
        "manifest_version": entry.version,
        "environment_variable": entry.environment_variable,
        "note": entry.note,
        "observed": dict(entry.observed),
        "wheels": [asdict(wheel) for wheel in entry.wheels.values()],
        "runtime": [
            {"name": found.library.name, "file": found.file, "needed": found.library.needed, "path": _text(found.path)}
            for found in files
        ],
        "hints": hints,
    }
    if options.json:
        _print_json(details)
        return 0
    for key in ("name", "title", "state", "source", "version", "path", "problem"):
        if details[key] is not None:
            print(f"{key + ':':<10} {details[key]}")
    print(f"{'manifest:':<10} {entry.distribution} {entry.version}; variable {entry.environment_variable}")
    if entry.note:
        print(f"{'note:':<10} {entry.note}")
    if entry.observed:
        print(f"{'observed:':<10} " + ", ".join(f"{key} {value}" for key, value in entry.observed.items()))
    for wheel in entry.wheels.values():
        print(f"wheel for {wheel.platform}, {_size(wheel.size)}{'' if wheel.computed else ', not computed by us'}:")
        print(f"  {wheel.file}\n  sha256 {wheel.sha256}")
    if files:
        _print_table(
            ["runtime library", "file", "needed to", "found"],
            [[found.library.name, found.file, found.library.needed, _text(found.path) or "missing"] for found in files],
        )
    for hint in hints:
        print(f"hint: {hint}")
    return 0


def _path(options: argparse.Namespace) -> int:
    location = locate_plugin(options.name, fetch=options.fetch)
    if options.json:
        _print_json({"name": location.name, "path": str(location.path), "source": location.source})
    else:
        print(location.path)
    return 0


def _fetch(options: argparse.Namespace) -> int:
    entries = [load_manifest().plugin(name) for name in options.names]
    results: list[dict[str, str]] = []
    for entry in entries:
        if options.output is not None:
            path = _download(entry, options.platform, options.output)
        else:
            path = fetch_plugin(entry, platform=options.platform, force=options.force).path
        results.append({"name": entry.name, "path": str(path)})
        if not options.json:
            print(f"{entry.name}: {path}")
    if options.json:
        _print_json(results)
    return 0


def _download(entry: PluginEntry, platform: str | None, directory: Path) -> Path:
    wheel = entry.wheel(platform)
    target = directory / wheel.file
    with Cache.default().locked(wheel.sha256) as staging:
        downloaded = download_wheel(entry, wheel, staging)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # First under another name: the directory may be on another file system, and copying is not atomic.
            partial = target.with_name(f".{target.name}.partial")
            shutil.copyfile(downloaded, partial)
            partial.replace(target)
        except OSError as error:
            raise FetchError(f"cannot write to directory `{directory}`: {error.strerror}") from None
    return target


def _verify(options: argparse.Namespace) -> int:
    if options.names:
        entries = [load_manifest().plugin(name) for name in options.names]
    else:
        entries = [status.entry for status in inspect_plugins() if status.state in ("ready", "broken")]
    failed = False
    results: list[dict[str, Any]] = []
    for entry in entries:
        try:
            verified = verify_plugin(entry)
        except RyftError as error:
            failed = True
            results.append({"name": entry.name, "ok": False, "problem": str(error)})
            if not options.json:
                _report(error)
            continue
        fields = {"path": str(verified.location.path), "sha256": verified.sha256, "against": verified.against}
        results.append({"name": entry.name, "ok": True, **fields})
        if not options.json:
            against = "nothing to compare with" if verified.against == "nothing" else f"as in the {verified.against}"
            print(f"{entry.name}: {verified.sha256} ({against}) {verified.location.path}")
    if options.json:
        _print_json(results)
    return int(failed)


def _remove(options: argparse.Namespace) -> int:
    if bool(options.names) == options.all:
        _parser().error("expected the names of plugins, or --all")
    cache, manifest = Cache.default(), load_manifest()
    for name in options.names:
        manifest.plugin(name)
    cached = {sha256: _cached_name(cache, manifest, sha256) for sha256 in cache.hashes()}
    chosen = {sha256: name for sha256, name in cached.items() if options.all or name in options.names}
    for sha256, name in chosen.items():
        cache.remove(sha256)
        if not options.json:
            print(f"{name or 'unknown'}: removed {cache.directory(sha256)}")
    if options.json:
        _print_json([{"name": name, "path": str(cache.directory(sha256))} for sha256, name in chosen.items()])
    absent = [name for name in options.names if name not in chosen.values()]
    for name in absent:
        print(f"error: plugin `{name}` is not in the cache", file=sys.stderr)
    return int(bool(absent))


def _cached_name(cache: Cache, manifest: Manifest, sha256: str) -> str | None:
    """Returns the name of a plugin in the cache, as far as it is known where its stamp is damaged."""
    try:
        cached = cache.find(sha256)
    except CacheError:
        cached = None
    if cached is not None:
        return cached.plugin
    owners = (entry for entry in manifest.plugins.values() for wheel in entry.wheels.values() if wheel.sha256 == sha256)
    return next((entry.name for entry in owners), None)


def _summary(status: PluginStatus) -> dict[str, Any]:
    location = status.location
    return {
        "name": status.entry.name,
        "title": status.entry.title,
        "state": status.state,
        "source": location.source if location else None,
        "version": location.version if location else None,
        "path": str(location.path) if location else None,
        "platforms": list(status.entry.wheels),
        "problem": status.problem,
    }


def _report(error: RyftError) -> None:
    print(f"error: {error}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(note, file=sys.stderr)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2))


def _print_table(header: list[str], rows: list[list[Any]]) -> None:
    """Prints a table. On a terminal that is too narrow for it, the last column loses the beginnings of its texts."""
    texts = [[str(cell) if cell is not None else "-" for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    if sys.stdout.isatty():
        others = sum(width + 2 for width in widths[:-1])
        widths[-1] = max(_NARROWEST, shutil.get_terminal_size().columns - others)
    for row in texts:
        row[-1] = row[-1] if len(row[-1]) <= widths[-1] else "..." + row[-1][3 - widths[-1] :]
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size else "size unknown"


def _text(path: Path | None) -> str | None:
    return str(path) if path is not None else None
