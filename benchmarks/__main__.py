"""Runs all benchmarks and prints a table.

python -m benchmarks [--json FILE] [MODULE ...]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
import traceback
from pathlib import Path
from typing import Any

MODULES = ("dispatch", "tracing", "eager", "startup", "steady_state", "pjrt", "mlir")


def main() -> None:
    """Runs the benchmarks that were asked for, or all. A missed limit is shown, and is no error."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measures Ryft beside JAX and others.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"which of {', '.join(MODULES)}; all by default")
    parser.add_argument("--json", metavar="FILE", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in arguments.modules or MODULES:
        if importlib.util.find_spec(f"benchmarks.{name}") is None:
            print(f"{name}: there are no such benchmarks", file=sys.stderr)
            continue
        print(f"\n{name}")
        try:
            measurements = importlib.import_module(f"benchmarks.{name}").benchmarks()
        except Exception:
            traceback.print_exc()
            rows.append({"module": name, "error": traceback.format_exc(limit=1)})
            continue
        for measurement in measurements:
            rows += _rows(name, measurement)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=2))


def _rows(module: str, measurement: Any) -> list[dict[str, Any]]:
    """Prints and returns one row for each contender of a measurement."""
    unit = getattr(measurement, "unit", "s")
    ours = measurement.times["ryft"]
    rows: list[dict[str, Any]] = []
    for name, ratio in measurement.ratios().items():
        limit = measurement.limits.get(name)
        verdict = "" if limit is None else f"{'met' if ratio <= limit else 'MISSED'} (limit {limit:.2f})"
        theirs = measurement.times[name]
        times = f"{_text(ours, unit)} {name:>12} {_text(theirs, unit)}"
        print(f"  {measurement.task:66} {times}  {ratio:6.3f} ×  {verdict}", flush=True)
        rows.append(
            {
                "module": module,
                "task": measurement.task,
                "unit": unit,
                "ryft": ours,
                "contender": name,
                "theirs": theirs,
                "ratio": ratio,
                "limit": limit,
            }
        )
    return rows


def _text(value: float, unit: str) -> str:
    if unit == "B":
        return f"{value / 1e6:9.1f} MB"
    if value < 1e-3:
        return f"{value * 1e6:9.2f} µs"
    return f"{value * 1e3:9.2f} ms" if value < 10 else f"{value:9.2f} s "


if __name__ == "__main__":
    main()
