"""Lets the test modules of this directory import the helpers beside them, such as `samples`."""

from __future__ import annotations

import sys
from pathlib import Path

DIRECTORY = str(Path(__file__).parent)
if DIRECTORY not in sys.path:
    sys.path.insert(0, DIRECTORY)
