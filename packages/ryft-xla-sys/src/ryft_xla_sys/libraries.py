"""Files of shared libraries: how large they must be. The dynamic linker crashes on one that is cut off."""

from __future__ import annotations

import struct
from pathlib import Path

__all__ = ["expected_size"]

_ELF_64_LITTLE = b"\x7fELF\x02\x01"
_LOADED_SEGMENT = 1


def expected_size(path: Path) -> int:
    """Returns how many bytes the file of a shared library must have at least, by what its headers say.

    Returns:
        Zero for what is not a 64-bit little-endian ELF file.
    """
    with path.open("rb") as stream:
        header = stream.read(64)
        if not header.startswith(_ELF_64_LITTLE) or len(header) < 64:
            return 0
        program_offset, section_offset = struct.unpack_from("<QQ", header, 32)
        program_size, program_count, section_size, section_count = struct.unpack_from("<HHHH", header, 54)
        ends = [64, program_offset + program_size * program_count, section_offset + section_size * section_count]
        for index in range(program_count):
            stream.seek(program_offset + index * program_size)
            entry = stream.read(56)
            if len(entry) == 56:
                kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", entry)
                ends.append(offset + size if kind == _LOADED_SEGMENT else 0)
    return max(ends)
