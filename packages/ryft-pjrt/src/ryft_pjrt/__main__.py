"""Command line: `python -m ryft_pjrt conform PLUGIN` checks everything that PJRT can do with a plugin."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ryft_pjrt.conformance import Report, run_conformance
from ryft_pjrt.conformance.running import groups, run_child
from ryft_pjrt.errors import ArgumentError, PluginError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line, and returns the exit status: 0 if the plugin conforms, 1 if not, 2 for wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["conform-child"]:
        run_child(given[1])
        return 0
    options = _parser().parse_args(given)
    try:
        return _conform(options)
    except (ArgumentError, PluginError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ryft_pjrt", description="Tools for PJRT plugins.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    conform = commands.add_parser("conform", help="check what a plugin can do, and how well")
    conform.add_argument("plugin", metavar="PLUGIN", help="name of a plugin, as `cpu`, or path of its library")
    conform.add_argument("--json", type=Path, metavar="FILE", help="write the report to a file")
    conform.add_argument(
        "--diff", type=Path, metavar="OTHER", help="compare with an earlier report, or another plugin's"
    )
    conform.add_argument("--group", action="append", default=[], metavar="GROUP", help=f"one of: {', '.join(groups())}")
    conform.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of the client, with a value in JSON or plain text",
    )
    conform.add_argument("--timeout", type=float, default=120, metavar="SECONDS", help="longest time of one check")
    return parser


def _conform(given: argparse.Namespace) -> int:
    other = Report.read(given.diff) if given.diff else None
    options = dict(_option(text) for text in given.option)
    if given.json and not given.json.parent.is_dir():
        raise ArgumentError(f"`--json` expected a file in a directory that exists, but got {given.json}")
    report = run_conformance(given.plugin, options=options, only=given.group, timeout=given.timeout)
    print(report.text())
    if given.json:
        try:
            given.json.write_text(report.to_json())
        except OSError as error:
            raise ArgumentError(f"cannot write the report `{given.json}`: {error.strerror}") from error
    if other is not None:
        differences = report.differences(other)
        print(f"\n{len(differences)} difference(s) from {given.diff}")
        for difference in differences:
            print(f"  {difference}")
    return 0 if report.conforms else 1


def _option(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ArgumentError(f"`--option` expected NAME=VALUE, but got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    sys.exit(main())
