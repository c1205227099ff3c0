"""The manifest that comes with the package, and what is refused in others."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from ryft_xla_sys import PluginNotFoundError
from ryft_xla_sys.plugins import ManifestError, UnsupportedPlatformError, current_platform, load_manifest

NAMES = ["cpu", "cuda-12", "cuda-13", "rocm-7", "tpu", "neuron", "metal"]
PACKAGES = Path(__file__).parents[3] / "packages"


@pytest.fixture(autouse=True)
def _no_other_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RYFT_XLA_SYS_MANIFEST", raising=False)


def test_manifest_has_all_plugins() -> None:
    assert list(load_manifest().plugins) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_manifest_entry_is_consistent(name: str) -> None:
    entry = load_manifest().plugin(name)

    assert entry.environment_variable == f"PJRT_PLUGIN_{name.upper().replace('-', '_')}_LIB"
    assert entry.wheels
    for platform, wheel in entry.wheels.items():
        project, version, _, tags = parse_wheel_filename(wheel.file)
        assert (project, str(version)) == (entry.distribution, entry.version)
        assert {tag.platform.split("_")[-1] for tag in tags} <= {platform.split("-")[1], "64"}
        assert wheel.computed == (name != "neuron")
        assert bool(wheel.size and wheel.library_size and wheel.library_sha256) == wheel.computed


def test_hashes_in_the_manifest_are_all_different() -> None:
    wheels = [wheel for entry in load_manifest().plugins.values() for wheel in entry.wheels.values()]
    hashes = [wheel.sha256 for wheel in wheels] + [wheel.library_sha256 for wheel in wheels if wheel.computed]

    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("name", NAMES[1:])
def test_extras_forward_down_to_the_plugin_and_its_runtime_libraries(name: str) -> None:
    extras = {
        package: tomllib.loads((PACKAGES / package / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        for package in ("ryft", "ryft-core", "ryft-pjrt", "ryft-xla-sys")
    }
    for upper, lower in (("ryft", "ryft-core"), ("ryft-core", "ryft-pjrt"), ("ryft-pjrt", "ryft-xla-sys")):
        (forwarded,) = map(Requirement, extras[upper][name])
        assert (forwarded.name, forwarded.extras) == (lower, {name})
    requirements = {found.name: found for found in map(Requirement, extras["ryft-xla-sys"][name])}
    entry = load_manifest().plugin(name)
    assert requirements[entry.distribution].specifier.contains(entry.version)
    assert {library.distribution for library in entry.runtime if library.distribution} <= set(requirements)
    for platform in ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64"):
        system, machine = platform.split("-")
        values = {"sys_platform": {"linux": "linux", "macos": "darwin", "windows": "win32"}[system]}
        marker = requirements[entry.distribution].marker
        assert marker is not None
        assert marker.evaluate({**values, "platform_machine": machine}) == (platform in entry.wheels)


def test_plugin_lookup_refuses_an_unknown_name() -> None:
    with pytest.raises(PluginNotFoundError, match=r"one of `cpu`, .*`metal`, but got `gpu`"):
        load_manifest().plugin("gpu")


def test_wheel_lookup_refuses_a_platform_without_a_build() -> None:
    with pytest.raises(UnsupportedPlatformError, match="expected platform `macos-arm64`, but got `linux-x86_64`"):
        load_manifest().plugin("metal").wheel("linux-x86_64")


def test_current_platform_is_spelled_as_in_the_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import sys
    from types import SimpleNamespace

    for system, machine, expected in (
        ("linux", "x86_64", "linux-x86_64"),
        ("linux", "aarch64", "linux-aarch64"),
        ("darwin", "arm64", "macos-arm64"),
        ("darwin", "x86_64", "macos-x86_64"),
    ):
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(os, "uname", lambda machine=machine: SimpleNamespace(machine=machine))
        assert current_platform() == expected
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("PROCESSOR_ARCHITECTURE", "AMD64")
    assert current_platform() == "windows-x86_64"


def test_manifest_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_MANIFEST", str(tmp_path / "absent.toml"))

    with pytest.raises(ManifestError, match=r"cannot read plugin manifest `.*absent.toml`: No such file"):
        load_manifest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("schema = 1", "schema = 2"), "expected schema 1, but got 2"),
        (("schema = 1", "schema ="), "cannot read plugin manifest"),
        (('title = "Sample"', ""), "plugin `sample` in manifest .* is not valid: missing key 'title'"),
        (("size =", "sise ="), "plugin `sample` .* unexpected keyword argument 'sise'"),
        (('sha256 = "', 'sha256 = "G'), "expected a SHA-256 of 64 lower-case hexadecimal digits, but got `G"),
        (('file = "', 'file = "../'), "expected a file name, but got `../sample"),
        (
            ("entry_points", 'runtime = [{name = "x", needed = "often"}]\nentry_points'),
            "`load` or `run`, but got `often`",
        ),
        (("entry_points", 'runtime = [{name = "x", needed = "run"}]\nentry_points'), "missing key 'files'"),
    ],
)
def test_manifest_that_is_malformed_is_refused(workshop: Any, change: tuple[str, str], message: str) -> None:
    path = workshop.root / "malformed.toml"
    path.write_text((workshop.root / "manifest.toml").read_text().replace(*change))

    with pytest.raises(ManifestError, match=message):
        load_manifest(path)


def test_manifest_is_read_again_when_it_changes(workshop: Any) -> None:
    path = workshop.root / "manifest.toml"
    before = load_manifest()
    assert load_manifest() is before
    path.write_text(path.read_text().replace('"Sample"', '"Another title"'))
    import os

    os.utime(path, ns=(1, 1))
    assert load_manifest().plugin("sample").title == "Another title"


@pytest.mark.parametrize("path", ["loop.toml", "~nobody-of-this-name/x.toml", "a\0b"])
def test_manifest_whose_path_cannot_be_followed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop.toml").symlink_to("loop.toml")

    with pytest.raises(ManifestError, match=f"cannot read plugin manifest `{path}`"):
        load_manifest(path)
