"""The command `python -m ryft_xla_sys`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ryft_xla_sys.plugins import commands

__all__ = ["main"]

_USAGE = "usage: python -m ryft_xla_sys plugins {list,info,path,fetch,verify,remove} ...  (--help says more)"


def main(arguments: Sequence[str]) -> int:
    """Runs the command with the given arguments and returns its exit status."""
    if arguments and arguments[0] == "plugins":
        return commands.run(arguments[1:])
    wanted = bool(arguments) and arguments[0] in ("-h", "--help")
    print(_USAGE, file=sys.stdout if wanted else sys.stderr)
    return 0 if wanted else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
