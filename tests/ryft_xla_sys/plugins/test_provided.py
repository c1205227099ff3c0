"""Libraries, wheels and archives that the user names: what is not what it should be is refused, and says why."""

import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ryft_xla_sys.plugins import ArchiveError, ChecksumError, OfflineError, PluginNotFoundError, locate_plugin

VARIABLE = "PJRT_PLUGIN_SAMPLE_LIB"


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\0" * 100], ids=["empty", "script", "zeros"])
@pytest.mark.parametrize("name", ["plugin.so", "plugin"])
def test_file_that_is_neither_a_library_nor_an_archive_is_refused(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    (workshop.root / name).write_bytes(content)
    monkeypatch.setenv(VARIABLE, str(workshop.root / name))

    with pytest.raises(PluginNotFoundError, match=f"`{VARIABLE}` for plugin `sample` expected a shared library or an"):
        locate_plugin("sample")


def test_what_is_neither_a_file_nor_a_directory_is_refused_without_being_opened(workshop: Any) -> None:
    os.mkfifo(workshop.root / "pipe.so")  # Opening it would wait for somebody to write.

    for path in (workshop.root / "pipe.so", "/dev/null"):
        with pytest.raises(PluginNotFoundError, match=f"is `{path}`, which is neither a file nor a directory"):
            locate_plugin("sample", path)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * 5_000, "File name too long"),
        ("loop.so", "Too many levels of symbolic links"),
        ("~nobody-of-this-name/x.so", "Could not determine home directory"),
    ],
    ids=["long", "loop", "home"],
)
def test_path_that_cannot_be_followed_is_refused_with_the_reason(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    monkeypatch.chdir(workshop.root)
    (workshop.root / "loop.so").symlink_to("loop.so")

    with pytest.raises(PluginNotFoundError, match=f"which cannot be read: {reason}"):
        locate_plugin("sample", value)


@pytest.mark.parametrize("given", ["wheel", "directory", "RYFT_XLA_SYS_ARCHIVE"])
def test_file_without_permission_to_read_is_refused(workshop: Any, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    access = os.access  # Mode bits would not stop a test that root runs.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != workshop.file and access(path, mode))
    (workshop.index / workshop.wheel_name(workshop.other_machine)).unlink()
    if given == "RYFT_XLA_SYS_ARCHIVE":
        monkeypatch.setenv(given, str(workshop.index))

    path = {"wheel": workshop.file, "directory": workshop.index}.get(given)
    with pytest.raises(PluginNotFoundError, match=f"is `{workshop.file}`, which cannot be read: Permission denied"):
        locate_plugin("sample", path)


def test_wheel_for_this_processor_is_chosen_among_those_for_others(workshop: Any) -> None:
    with zipfile.ZipFile(workshop.root / "wheels.zip", "w") as file:
        for wheel in workshop.index.iterdir():
            file.write(wheel, f"wheels/{wheel.name}")

    for path in (workshop.index, workshop.root / "wheels.zip"):
        assert locate_plugin("sample", path).path.read_bytes() == workshop.library()


@pytest.mark.parametrize("name", ["wheels.tar", "wheels.tar.gz"])
def test_tar_file_is_not_taken_for_the_wheel_at_its_end(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with tarfile.open(workshop.root / name, "w:gz" if name.endswith("gz") else "w") as file:
        file.add(workshop.file, workshop.file.name)
        file.add(workshop.index / workshop.wheel_name(workshop.other_machine), "other.whl")
        file.add(workshop.wheel(workshop.root / "wheels", b"", version="2.0"), workshop.wheel_name(version="2.0"))
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(workshop.root / name))

    assert locate_plugin("sample", fetch=False).source == "archive"
    assert locate_plugin("sample", workshop.root / name).path.read_bytes() == workshop.library()


def test_archive_with_several_wheels_is_ambiguous(workshop: Any) -> None:
    with zipfile.ZipFile(workshop.root / "wheels.zip", "w") as file:
        for version in ("2.0", "3.0"):
            file.write(
                workshop.wheel(workshop.root / "wheels", b"", version=version), workshop.wheel_name(None, version)
            )

    with pytest.raises(ArchiveError, match=r"expected one wheel, but got `sample_pjrt-2.0.*, `sample_pjrt-3.0"):
        locate_plugin("sample", workshop.root / "wheels.zip")


def test_directory_that_is_called_like_the_wheel_does_not_count(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (workshop.root / "wheels" / workshop.file.name).mkdir(parents=True)

    with pytest.raises(PluginNotFoundError, match="or its wheel, but got directory"):
        locate_plugin("sample", workshop.root / "wheels")
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(workshop.root / "wheels"))
    with pytest.raises(PluginNotFoundError, match="cannot find plugin `sample`"):
        locate_plugin("sample", fetch=False)


def test_altered_wheel_of_the_manifest_is_refused_inside_an_archive_too(workshop: Any) -> None:
    altered = workshop.file.read_bytes() + b"?"
    with zipfile.ZipFile(workshop.root / "wheels.zip", "w") as file:
        file.writestr(f"wheels/{workshop.file.name}", altered)

    message = f"wheels.zip` expected SHA-256 {workshop.digest(workshop.file)}, but got {workshop.digest(altered)}"
    with pytest.raises(ChecksumError, match=message):
        locate_plugin("sample", workshop.root / "wheels.zip")


def test_encrypted_archive_is_refused(workshop: Any) -> None:
    path = workshop.root / "secret.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(workshop.member, workshop.library())
    content = bytearray(path.read_bytes())
    content[6] |= 1  # The flag in the member's own header ...
    content[content.find(b"PK\1\2") + 8] |= 1  # ... and in the archive's directory.
    path.write_bytes(bytes(content))

    with pytest.raises(ArchiveError, match=f"expected an archive without a password, but got `{workshop.member}`"):
        locate_plugin("sample", path)


def test_archive_with_a_link_in_place_of_the_library_is_refused(workshop: Any) -> None:
    link = zipfile.ZipInfo(workshop.member)
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(workshop.root / "link.zip", "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    member = tarfile.TarInfo(workshop.member)
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(workshop.root / "link.tar", "w") as packed:
        packed.addfile(member)

    for name, message in {"link.zip": "expected a shared library at", "link.tar": "expected a library"}.items():
        with pytest.raises(ArchiveError, match=f"{message} `{workshop.member}`"):
            locate_plugin("sample", workshop.root / name)
    assert [file for file in workshop.cached_files() if not file.startswith("sources/")] == []


def test_message_about_a_damaged_archive_is_one_line(workshop: Any) -> None:
    (workshop.root / "damaged.whl").write_bytes(b"?")

    with pytest.raises(ArchiveError, match="it is neither a zip file nor a tar file, or it is damaged") as info:
        locate_plugin("sample", workshop.root / "damaged.whl")
    assert "\n" not in str(info.value)


def test_archive_variable_may_name_the_wheel_itself(workshop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(workshop.file))
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")

    location = locate_plugin("sample")
    assert (location.source, location.version) == ("archive", "1.0")
    assert location.path.read_bytes() == workshop.library()
    workshop.file.write_bytes(workshop.file.read_bytes() + b"?")
    monkeypatch.setenv("RYFT_XLA_SYS_CACHE", str(workshop.root / "other"))
    with pytest.raises(ChecksumError, match="but got"):
        locate_plugin("sample")


@pytest.mark.parametrize("fetch", [False, True])
def test_archive_variable_without_the_wheel_is_mentioned_where_nothing_else_has_it(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, fetch: bool
) -> None:
    other = workshop.index / workshop.wheel_name(workshop.other_machine)
    monkeypatch.setenv("RYFT_XLA_SYS_ARCHIVE", str(other))
    monkeypatch.setenv("RYFT_XLA_SYS_OFFLINE", "1")

    with pytest.raises(OfflineError if fetch else PluginNotFoundError) as info:
        locate_plugin("sample", fetch=fetch)
    hint = f"hint: RYFT_XLA_SYS_ARCHIVE is `{other}`, which does not hold `{workshop.file.name}`"
    assert hint in info.value.__notes__
