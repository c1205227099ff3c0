"""Hashes of files, and the platform that a library's header names."""

import hashlib
import io
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_xla_sys.plugins import ChecksumError, UnsupportedPlatformError, current_platform, find_plugin
from ryft_xla_sys.plugins.checksums import check_hash, check_platform, copy_and_hash, file_hash, library_platform

PORTABLE = struct.pack("<2s58xI", b"MZ", 64) + b"PE\0\0" + struct.pack("<H", 0x8664)


@given(st.binary(max_size=10_000))
def test_copy_and_hash_agrees_with_hashlib(content: bytes) -> None:
    target, pieces = io.BytesIO(), []
    assert copy_and_hash(io.BytesIO(content), target, pieces.append) == (
        hashlib.sha256(content).hexdigest(),
        len(content),
    )
    assert (target.getvalue(), sum(pieces)) == (content, len(content))


def test_file_hash_covers_a_file_of_several_pieces(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(content)

    assert file_hash(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_check_hash_names_both() -> None:
    check_hash("the file", "aa", "aa")
    with pytest.raises(ChecksumError, match="the file expected SHA-256 aa, but got bb") as info:
        check_hash("the file", "aa", "bb")
    assert (info.value.expected, info.value.actual) == ("aa", "bb")


@pytest.mark.parametrize(
    ("header", "platform"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, 0x3E), "linux-x86_64"),
        (b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, 0xB7), "linux-aarch64"),
        (b"\x7fELF\x02\x02\x01" + bytes(9) + struct.pack(">HH", 3, 0x15), "linux-ppc64"),
        (b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, 0x999), None),
        (b"\x7fELF", None),
        (struct.pack("<II", 0xFEEDFACF, 0x0100000C), "macos-arm64"),
        (struct.pack("<II", 0xFEEDFACF, 0x01000007), "macos-x86_64"),
        (PORTABLE, "windows-x86_64"),
        (PORTABLE[:60] + struct.pack("<I", 5000), None),
        (b"MZ", None),
        (b"", None),
        (b"#!/bin/sh", None),
    ],
)
def test_library_platform_reads_the_header(tmp_path: Path, header: bytes, platform: str | None) -> None:
    (tmp_path / "library").write_bytes(header)

    assert library_platform(tmp_path / "library") == platform


@pytest.mark.skipif(sys.platform != "linux", reason="the CPU plugin of the manifest is for Linux")
def test_library_platform_of_the_cpu_plugin_is_this_one() -> None:
    assert library_platform(find_plugin("cpu")) == current_platform()


def test_check_platform_names_both(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(PORTABLE)

    check_platform(path, "windows-x86_64")
    with pytest.raises(UnsupportedPlatformError, match=r"expected platform `linux-s390x`, but got `windows"):
        check_platform(path, "linux-s390x")
