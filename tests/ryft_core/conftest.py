"""Lets the test modules of this directory import the helpers beside them, and gives them several devices."""

from __future__ import annotations

import sys
from pathlib import Path

from ryft_core import set_default_client
from ryft_pjrt import CpuClientOptions, load_cpu_plugin

DIRECTORY = str(Path(__file__).parent)
if DIRECTORY not in sys.path:
    sys.path.insert(0, DIRECTORY)

set_default_client(load_cpu_plugin().client(CpuClientOptions(device_count=4)))
