"""Source locations of equations: the line of the user's code that applied a primitive."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType
from typing import NamedTuple

__all__ = ["SourceLocation", "caller_location", "hide_frames_of", "located"]

_HIDDEN: set[str] = set()
"""File names whose frames are ours, not the user's. Filled as files are met."""
_SHOWN: set[str] = set()
_ROOTS: list[str] = [str(Path(__file__).parents[1]) + "/"]


class SourceLocation(NamedTuple):
    """Place in the user's source: kept as the interpreter's own position, resolved to a line only when it is shown."""

    code: CodeType
    instruction: int

    @property
    def file(self) -> str:
        """Path of the source file."""
        return self.code.co_filename

    @property
    def line(self) -> int:
        """Line number, from 1; 0 if it is not known."""
        for index, (line, *_) in enumerate(self.code.co_positions()):
            if index == self.instruction // 2:
                return line or 0
        return self.code.co_firstlineno

    @property
    def function(self) -> str:
        """Qualified name of the function."""
        return self.code.co_qualname

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.function})"


def hide_frames_of(directory: str) -> None:
    """Treats all source files under `directory` as library code, which is never a user's location."""
    _ROOTS.append(directory.rstrip("/") + "/")
    _SHOWN.clear()


def caller_location(depth: int = 2) -> SourceLocation | None:
    """Returns the location of the innermost frame that is not library code, or `None` where there is none."""
    frame = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if file not in _HIDDEN:
            if file in _SHOWN:
                return SourceLocation(code, frame.f_lasti)
            if any(file.startswith(root) for root in _ROOTS):
                _HIDDEN.add(file)
            else:
                _SHOWN.add(file)
                return SourceLocation(code, frame.f_lasti)
        frame = frame.f_back
    return None


def located(error: BaseException, name: str, location: SourceLocation | None) -> None:
    """Notes where the user's code applied the operation `name` that an error is about, if no note says so already."""
    if location is not None and not any(note.startswith(_PLACE) for note in getattr(error, "__notes__", ())):
        error.add_note(f"{_PLACE}{location.file}:{location.line}, where `{location.function}` applied `{name}`")


_PLACE = "at "
