"""Checks or updates the manifest of plugins: versions, file names, hashes, and what the plugins say about themselves.

    python tools/update_manifest.py check [PLUGIN ...]          compares every wheel on the index with the manifest
    python tools/update_manifest.py update PLUGIN=VERSION ...   moves plugins to other versions, rewrites the manifest
    python tools/update_manifest.py observe LIBRARY             prints what a plugin reports when loaded, as JSON

Hashes are always computed from the files themselves, which pip downloads from the indexes it is configured for. Plugins
for this machine are loaded, in a process of their own, to see which extensions they have; `update` prints what changed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ryft_xla_sys.errors import RyftError
from ryft_xla_sys.plugins import PluginEntry, Wheel, current_platform, load_manifest
from ryft_xla_sys.plugins.checksums import copy_and_hash, file_hash

__all__ = ["check", "differences", "inspect", "main", "observe", "replace_value", "update"]

OBSERVE = """
import json, sys
from ryft_xla_sys import load_api
from ryft_xla_sys.ffi import ffi

api = load_api(sys.argv[1])
attributes = api.call("PJRT_Plugin_Attributes")
values = [attributes.attributes[index] for index in range(attributes.num_attributes)]
versions = {
    ffi.string(value.name, value.name_size).decode(): list(ffi.unpack(value.int64_array_value, value.value_size))
    for value in values
    if value.type == 2  # A list of integers.
}
observed = {
    "api": ".".join(map(str, api.version)),
    "extensions": sorted(api.extensions()),
    "stablehlo": ".".join(map(str, versions["stablehlo_current_version"])) if versions else None,
}
print("observed " + json.dumps({key: value for key, value in observed.items() if value is not None}))
"""

TAGS = {
    "linux": [f"manylinux_2_{minor}" for minor in range(17, 40)] + ["manylinux2014"],
    "macos": [f"macosx_{major}_0" for major in range(11, 27)],
    "windows": ["win"],
}
"""First parts of the platform tags of wheels that are accepted, by operating system."""


def main() -> int:
    """Runs the command and returns its exit status: 0 if all agrees, 1 if not, 2 for wrong usage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command")
    commands.add_parser("check").add_argument("names", nargs="*", metavar="PLUGIN")
    commands.add_parser("update").add_argument("changes", nargs="+", metavar="PLUGIN=VERSION")
    commands.add_parser("observe").add_argument("library", type=Path)
    options = parser.parse_args()
    if options.command == "observe":
        print(json.dumps(observe(options.library)))
        return 0
    if options.command == "check":
        return check(options.names)
    wrong = [change for change in options.changes if not re.fullmatch(r"[^=]+=[^=]+", change)]
    if wrong:
        parser.error(f"expected PLUGIN=VERSION, but got `{wrong[0]}`")
    return update(dict(change.split("=") for change in options.changes))


def check(names: list[str]) -> int:
    """Compares the wheels on the index with the manifest."""
    manifest = load_manifest()
    failures = 0
    for entry in [manifest.plugin(name) for name in names] or list(manifest.plugins.values()):
        for wheel in entry.wheels.values():
            if not wheel.computed:
                print(f"{entry.name} {wheel.platform}: not checked, its wheel is on the vendor's own index")
                continue
            with tempfile.TemporaryDirectory() as directory:
                actual, library = inspect(entry, entry.version, wheel.platform, Path(directory))
                problems = differences(asdict(wheel), asdict(actual))
                if wheel.platform == current_platform() and entry.observed:
                    problems += differences(dict(entry.observed), observe(library))
            failures += bool(problems)
            print(f"{entry.name} {wheel.platform}: {'; '.join(problems) or 'as in the manifest'}")
    return int(failures > 0)


def update(changes: dict[str, str]) -> int:
    """Moves plugins to other versions."""
    manifest = load_manifest()
    text = manifest.path.read_text(encoding="utf-8")
    for name, version in changes.items():
        entry = manifest.plugin(name)
        text = replace_value(text, f"[plugins.{name}]", 0, "version", version)
        for index, wheel in enumerate(entry.wheels.values()):
            with tempfile.TemporaryDirectory() as directory:
                actual, library = inspect(entry, version, wheel.platform, Path(directory))
                for problem in differences(asdict(wheel), asdict(actual)):
                    print(f"{name} {wheel.platform}: {problem}")
                for key, value in asdict(actual).items():
                    text = replace_value(text, f"[[plugins.{name}.wheels]]", index, key, value)
                if wheel.platform != current_platform() or not entry.observed:
                    continue
                observed = observe(library)
                for problem in differences(dict(entry.observed), observed):
                    print(f"{name} reports: {problem}")
                for key, value in observed.items():
                    text = replace_value(text, f"[plugins.{name}.observed]", 0, key, value)
    manifest.path.write_text(text, encoding="utf-8")
    return 0


def inspect(entry: PluginEntry, version: str, platform: str, directory: Path) -> tuple[Wheel, Path]:
    """Downloads a wheel and returns what belongs into the manifest, and the library."""
    system, machine = platform.split("-")
    tags = [option for tag in TAGS[system] for option in ("--platform", f"{tag}_{machine}")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", *tags]
    command += [
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
        "--abi",
        "cp311",
        "--abi",
        "abi3",
        "--abi",
        "none",
    ]
    subprocess.run([*command, "--dest", str(directory), f"{entry.distribution}=={version}"], check=True)
    (path,) = directory.glob("*.whl")
    library = directory / Path(entry.member).name
    with zipfile.ZipFile(path) as file, file.open(entry.member) as source, library.open("wb") as target:
        library_hash, library_size = copy_and_hash(source, target, lambda _: None)
    wheel = Wheel(platform, path.name, path.stat().st_size, file_hash(path), library_size, library_hash, True)
    return wheel, library


def observe(library: Path) -> dict[str, Any]:
    """Returns what a plugin reports when it is loaded, in a process of its own: loading cannot be undone."""
    environment = dict(os.environ)
    for entry in load_manifest().plugins.values():
        environment |= entry.without_device
    command = [sys.executable, "-c", OBSERVE, str(library)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    found = re.search(r"^observed (.*)$", result.stdout, re.MULTILINE)
    if result.returncode != 0 or found is None:
        raise SystemExit(f"cannot load `{library}`:\n{result.stderr[-2000:]}")
    return json.loads(found[1])


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Returns what changed, for people."""
    changed: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, list) and isinstance(new, list):
            changed += [f"{key}: {value} is new" for value in new if value not in old]
            changed += [f"{key}: {value} is gone" for value in old if value not in new]
        else:
            changed.append(f"{key} expected {old}, but got {new}")
    return changed


def replace_value(text: str, table: str, index: int, key: str, value: object) -> str:
    """Returns the TOML `text` with one value changed, in the table of that name which is the `index`-th from 0."""
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.strip() == table]
    for number in range(starts[index] + 1, len(lines)):
        if lines[number].startswith("["):
            break
        if lines[number].startswith(f"{key} = "):
            lines[number] = f"{key} = {json.dumps(value)}\n"
            return "".join(lines)
    raise SystemExit(f"the manifest has no `{key}` in the table {table} number {index}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RyftError as error:
        sys.exit(f"error: {error}")
