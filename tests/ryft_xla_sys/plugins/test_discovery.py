"""The order in which a plugin is looked for, and what each step accepts and refuses."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ryft_xla_sys import PluginNotFoundError, find_plugin
from ryft_xla_sys.plugins import (
    ArchiveError,
    ChecksumError,
    OfflineError,
    UnsupportedPlatformError,
    current_platform,
    locate_plugin,
    registered_plugins,
)

VARIABLE = "PJRT_PLUGIN_SAMPLE_LIB"


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_cpu_plugin_is_found_in_its_distribution() -> None:
    location = locate_plugin("cpu")

    assert (location.source, location.version) == ("distribution", "0.0.1")
    assert location.path.name == "xla_cpu_pjrt.so"


def test_finding_a_plugin_does_not_import_its_distribution() -> None:
    code = "import sys; from ryft_xla_sys import find_plugin; find_plugin('cpu'); print('xla_plugins' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "False\n"


def test_each_step_comes_before_the_next(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"fetched": locate_plugin("sample"), "cache": locate_plugin("sample")}
    workshop.install(workshop.root / "site", workshop.library(seed=1))
    monkeypatch.syspath_prepend(workshop.root / "site")
    found["distribution"] = locate_plugin("sample")
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(workshop.index))
    found["archive"] = locate_plugin("sample")
    monkeypatch.setenv(VARIABLE, str(write(workshop.root / "variable.so", workshop.library(seed=2))))
    found["variable"] = locate_plugin("sample")
    found["path"] = locate_plugin("sample", write(workshop.root / "path.so", workshop.library(seed=3)))

    assert {source: location.source for source, location in found.items()} == {source: source for source in found}
    assert found["fetched"].path == found["cache"].path == found["archive"].path
    assert found["fetched"].path.read_bytes() == workshop.library()
    assert [found[source].path.name for source in ("variable", "path")] == ["variable.so", "path.so"]


def test_plugin_that_is_nowhere_is_not_found_without_fetching(workshop: Any) -> None:
    with pytest.raises(PluginNotFoundError, match="cannot find plugin `sample` on this machine") as info:
        find_plugin("sample", fetch=False)

    assert info.value.__notes__ == [
        "hint: install `ryft[sample]`, run `python -m ryft_xla_sys plugins fetch sample`, "
        "or set PJRT_PLUGIN_SAMPLE_LIB to the path of its library"
    ]
    assert not workshop.cache.exists()


def test_plugin_without_a_build_for_this_platform_says_which_there_are(workshop: Any) -> None:
    other = workshop.other_machine
    workshop.manifest({other: (workshop.index / workshop.wheel_name(other), workshop.library(other))})

    with pytest.raises(PluginNotFoundError, match="cannot find plugin `sample`") as info:
        find_plugin("sample")
    assert info.value.__notes__ == [
        f"hint: it can be fetched for `linux-{other}`, and this machine is `{current_platform()}`"
    ]


def test_unknown_plugin_is_refused_with_the_names_of_the_known(workshop: Any) -> None:
    with pytest.raises(PluginNotFoundError, match="which is one of `sample`, but got `exotic-1`") as info:
        find_plugin("exotic-1")

    assert info.value.__notes__ == [
        "hint: for a plugin that Ryft does not know, set PJRT_PLUGIN_EXOTIC_1_LIB to its library's path"
    ]


def test_unknown_plugin_is_taken_from_its_variable(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(workshop.root / "exotic.so", workshop.library())
    monkeypatch.setenv("PJRT_PLUGIN_EXOTIC_LIB", str(path))

    assert find_plugin("exotic") == path


@pytest.mark.parametrize("subject", ["the given path", f"environment variable `{VARIABLE}`"])
def test_path_that_does_not_exist_is_refused(workshop: Any, monkeypatch: pytest.MonkeyPatch, subject: str) -> None:
    given = "/no/such/file.so" if subject == "the given path" else None
    monkeypatch.setenv(VARIABLE, "/no/such/file.so")

    with pytest.raises(PluginNotFoundError, match=f"{subject} for plugin `sample` is `/no/such/file.so`, which"):
        find_plugin("sample", given)


def test_library_for_another_processor_is_refused(workshop: Any) -> None:
    path = write(workshop.root / "other.so", workshop.library(workshop.other_machine))

    with pytest.raises(UnsupportedPlatformError, match=f"but got `linux-{workshop.other_machine}`"):
        find_plugin("sample", path)


def test_directory_may_hold_the_library_at_its_path_or_by_its_name(workshop: Any) -> None:
    for member in (workshop.member, "sample_plugin.so", "libpjrt-plugin-sample.so", "lib/libpjrt-plugin-sample.so"):
        directory = workshop.root / member.replace("/", "-")
        path = write(directory / member, workshop.library())
        assert find_plugin("sample", directory) == path


def test_directory_may_hold_the_wheel(workshop: Any) -> None:
    built = workshop.wheel(workshop.root / "wheels", workshop.library(seed=5), version="2.0")
    location = locate_plugin("sample", built.parent)

    assert location.path.read_bytes() == workshop.library(seed=5)
    assert (location.version, location.sha256) == (None, workshop.digest(built))


def test_directory_with_the_wheel_of_the_manifest_among_others_gives_that(workshop: Any) -> None:
    (workshop.index / workshop.wheel_name(workshop.other_machine)).unlink()
    workshop.wheel(workshop.index, workshop.library(seed=5), version="2.0")

    assert locate_plugin("sample", workshop.index).version == "1.0"


def test_directory_with_several_wheels_is_ambiguous(workshop: Any) -> None:
    for version in ("2.0", "3.0"):
        workshop.wheel(workshop.root / "wheels", workshop.library(), version=version)

    with pytest.raises(PluginNotFoundError, match=r"expected one wheel in .*sample_pjrt-2.0.*sample_pjrt-3.0"):
        find_plugin("sample", workshop.root / "wheels")


def test_directory_without_the_plugin_is_refused(workshop: Any) -> None:
    (workshop.root / "empty").mkdir()

    with pytest.raises(PluginNotFoundError, match=r"expected `jax_plugins/sample/sample_plugin.so` or its wheel"):
        find_plugin("sample", workshop.root / "empty")
    with pytest.raises(PluginNotFoundError, match="expected the path of a library, but got directory"):
        find_plugin("exotic", workshop.root / "empty")


@pytest.mark.parametrize("name", ["plugin.zip", "plugin.tar", "plugin.tar.gz", "plugin.tar.xz"])
@pytest.mark.parametrize("inside", ["lib/libpjrt-plugin-sample.so", "sub/sample_pjrt.whl"])
def test_archive_may_hold_the_library_or_the_wheel(workshop: Any, name: str, inside: str) -> None:
    inner = workshop.file.read_bytes() if inside.endswith(".whl") else workshop.library()
    inside = f"sub/{workshop.file.name}" if inside.endswith(".whl") else inside
    source = write(workshop.root / "source", inner)
    archive = workshop.root / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.write(source, inside)
    else:
        with tarfile.open(archive, f"w:{'' if name.endswith('.tar') else name.rpartition('.')[2]}") as file:
            file.add(source, inside)

    location = locate_plugin("sample", archive)
    assert location.path.read_bytes() == workshop.library()
    assert location.path.stat().st_mode & 0o111
    assert location.sha256 == workshop.digest(archive)
    assert locate_plugin("sample", archive) == location


def test_archive_without_the_plugin_is_refused_and_not_cached(workshop: Any) -> None:
    archive = workshop.root / "other.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme.txt", "nothing here")

    with pytest.raises(ArchiveError, match=r"expected a library `jax_plugins/sample/sample_plugin.so`, but has none"):
        find_plugin("sample", archive)
    assert [file for file in workshop.cached_files() if not file.startswith("sources/")] == []


def test_archive_with_two_libraries_is_refused(workshop: Any) -> None:
    archive = workshop.root / "two.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a/sample_plugin.so", workshop.library())
        file.writestr("b/sample_plugin.so", workshop.library())

    with pytest.raises(ArchiveError, match=r"but got 2: `a/sample_plugin.so`, `b/sample_plugin.so`"):
        find_plugin("sample", archive)


def test_archive_that_leads_outside_is_refused(workshop: Any) -> None:
    archive = workshop.root / "evil.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../sample_plugin.so", workshop.library())

    with pytest.raises(ArchiveError, match=r"expected paths inside the archive, but got `../../sample_plugin.so`"):
        find_plugin("sample", archive)


def test_archive_of_a_plugin_that_is_not_in_the_manifest_is_refused(workshop: Any) -> None:
    with pytest.raises(PluginNotFoundError, match="plugin `exotic` expected a library, but got archive"):
        find_plugin("exotic", workshop.file)


@pytest.mark.parametrize("length", [0, 100, 25_000])
def test_truncated_archive_is_refused_and_not_cached(workshop: Any, length: int) -> None:
    for name in ("short.whl", "short.tar.gz"):
        whole = workshop.file.read_bytes()
        if name.endswith(".gz"):
            with tarfile.open(workshop.root / name, "w:gz") as file:
                file.add(workshop.file, workshop.member)
            whole = (workshop.root / name).read_bytes()
        path = write(workshop.root / name, whole[:length])
        with pytest.raises(ArchiveError, match="cannot read archive"):
            find_plugin("sample", path)
    assert [file for file in workshop.cached_files() if not file.startswith("sources/")] == []


def test_altered_wheel_of_the_manifest_is_refused(workshop: Any) -> None:
    content = bytearray(workshop.file.read_bytes())
    content[20_000] ^= 1
    path = write(workshop.root / "altered" / workshop.file.name, bytes(content))

    message = f"expected SHA-256 {workshop.digest(workshop.file)}, but got {workshop.digest(path)}"
    with pytest.raises(ChecksumError, match=message):
        find_plugin("sample", path)


def test_wheel_with_a_library_for_another_processor_is_refused_and_not_cached(workshop: Any) -> None:
    path = workshop.wheel(workshop.root / "wheels", workshop.library(workshop.other_machine), version="2.0")

    with pytest.raises(UnsupportedPlatformError, match=f"but got `linux-{workshop.other_machine}`"):
        find_plugin("sample", path)
    assert [file for file in workshop.cached_files() if not file.startswith("sources/")] == []


def test_archive_variable_serves_machines_that_are_offline(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(workshop.root))

    location = locate_plugin("sample")
    assert (location.source, location.version) == ("archive", "1.0")
    assert location.path.read_bytes() == workshop.library()
    assert locate_plugin("sample") == location


@pytest.mark.parametrize("name", ["wheels.zip", "wheels.tar.gz"])
def test_archive_variable_may_name_an_archive_of_wheels(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    archive = workshop.root / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive, "w") as file:
            file.write(workshop.file, f"wheels/{workshop.file.name}")
    else:
        with tarfile.open(archive, "w:gz") as file:
            file.add(workshop.index, "wheels")
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(archive))
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")

    assert locate_plugin("sample").source == "archive"
    assert locate_plugin("sample").path.read_bytes() == workshop.library()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("damage", ["truncated", "altered", "other processor"])
def test_archive_variable_refuses_a_wheel_that_is_not_the_manifests(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, zipped: bool, damage: str
) -> None:
    whole = workshop.file.read_bytes()
    other = (workshop.index / workshop.wheel_name(workshop.other_machine)).read_bytes()
    content = {"truncated": whole[:-9], "altered": whole[:999] + b"?" + whole[1000:], "other processor": other}[damage]
    path = write(workshop.root / "wheels" / workshop.file.name, content)
    if zipped:
        with zipfile.ZipFile(workshop.root / "wheels.zip", "w") as file:
            file.write(path, path.name)
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(workshop.root / ("wheels.zip" if zipped else "wheels")))

    message = f"expected SHA-256 {workshop.digest(whole)}, but got {workshop.digest(content)}"
    with pytest.raises(ChecksumError, match=message) as info:
        find_plugin("sample")
    assert (info.value.expected, info.value.actual) == (workshop.digest(whole), workshop.digest(content))
    assert workshop.cached_files() == []


def test_archive_variable_without_the_wheel_leaves_it_to_the_next_step(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workshop.root / "empty").mkdir()
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(workshop.root / "empty"))
    assert locate_plugin("sample").source == "fetched"

    with zipfile.ZipFile(workshop.root / "empty.zip", "w") as file:
        file.writestr("readme.txt", "nothing here")
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(workshop.root / "empty.zip"))
    assert locate_plugin("sample").source == "cache"


def test_archive_variable_that_names_nothing_is_refused(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", "/no/such/directory")

    with pytest.raises(PluginNotFoundError, match=r"`RYFT_XLA_SYS_ARCHIVE` is `/no/such/directory`, which"):
        find_plugin("sample")


def test_offline_without_the_plugin_fails(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")

    with pytest.raises(OfflineError, match="`sample` is not on this machine, and RYFT_XLA_SYS_OFFLINE forbids"):
        find_plugin("sample")
    assert not workshop.cache.exists()


def test_offline_with_the_plugin_in_the_cache_works(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = find_plugin("sample")
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")

    assert find_plugin("sample") == path


def test_installed_plugin_is_found_by_its_path_without_being_imported(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workshop.install(workshop.root / "site", workshop.library(seed=1), version="7.0")
    monkeypatch.syspath_prepend(workshop.root / "site")

    location = locate_plugin("sample")
    assert (location.path, location.source, location.version) == (path, "distribution", "7.0")


@pytest.mark.parametrize("group", ["xla_plugins", "jax_plugins", "cyxla.plugins"])
def test_registered_plugin_is_found_by_its_entry_point_without_being_imported(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    site = workshop.root / "site"
    write(site / "vendor/plugin/__init__.py", b"raise RuntimeError('a plugin was imported')")
    write(site / "vendor/plugin/helper.so", b"no plugin")
    path = write(site / "vendor/plugin/lib/pjrt_vendor.so", workshop.library())
    information = site / "vendor_pjrt-3.1.dist-info"
    write(information / "METADATA", b"Metadata-Version: 2.1\nName: vendor-pjrt\nVersion: 3.1\n")
    write(information / "entry_points.txt", f"[{group}]\nvendor = vendor.plugin\n".encode())
    monkeypatch.syspath_prepend(site)

    location = locate_plugin("vendor")
    assert (location.path, location.source, location.version) == (path, "distribution", "3.1")
    found = next(plugin for plugin in registered_plugins() if plugin.name == "vendor")
    assert (found.path, found.distribution) == (path, "vendor-pjrt")
    assert not [name for name in sys.modules if name.split(".")[0] == "vendor"]


def test_known_plugin_may_be_registered_by_another_distribution(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site = workshop.root / "site"
    path = write(site / "elsewhere/any_name.so", workshop.library())
    write(site / "other-1.dist-info/METADATA", b"Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    write(site / "other-1.dist-info/entry_points.txt", b"[jax_plugins]\nsample = elsewhere\n")
    monkeypatch.syspath_prepend(site)

    assert locate_plugin("sample").path == path


def test_registered_plugin_without_a_library_does_not_count(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site = workshop.root / "site"
    write(site / "hollow/__init__.py", b"")
    write(site / "hollow/empty.so", b"")
    write(site / "hollow-1.dist-info/METADATA", b"Metadata-Version: 2.1\nName: hollow\nVersion: 1\n")
    write(site / "hollow-1.dist-info/entry_points.txt", b"[jax_plugins]\nhollow = hollow\n")
    monkeypatch.syspath_prepend(site)

    assert "hollow" not in {plugin.name for plugin in registered_plugins()}
    with pytest.raises(PluginNotFoundError, match="but got `hollow`"):
        find_plugin("hollow")


def test_variable_with_a_home_directory_is_expanded(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(workshop.root / "home.so", workshop.library())
    monkeypatch.setenv("HOME", str(workshop.root))
    monkeypatch.setenv(VARIABLE, "~/home.so")

    assert os.fspath(find_plugin("sample")) == os.fspath(path)


def test_import_path_that_cannot_be_searched_is_passed_over(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = workshop.root / "closed" / "site"
    path = workshop.install(workshop.root / "site", workshop.library(seed=1))

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))  # What mode bits do, but not to root.

    monkeypatch.setattr(Path, "is_dir", lambda path: refuse(path) if path == closed else os.path.isdir(path))
    monkeypatch.syspath_prepend(workshop.root / "site")
    monkeypatch.syspath_prepend(closed)
    assert find_plugin("sample") == path
