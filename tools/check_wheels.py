"""Builds all five packages, installs them into a fresh environment, and runs the README's quickstart from there.

Each package is built as a source distribution and, from that, as a wheel, so that a file or a dependency that is
missing from either shows.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("ryft-xla-sys", "ryft-pjrt", "ryft-mlir", "ryft-core", "ryft")


def quickstart(readme: str) -> str:
    """Returns the Python code of a README, block after block."""
    blocks = readme.split("```python\n")[1:]
    return "\n".join(block.split("```")[0] for block in blocks)


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Runs a command, and stops with its exit status if it fails."""
    print("$", *command, flush=True)
    status = subprocess.run([str(part) for part in command], cwd=cwd, check=False).returncode
    if status:
        raise SystemExit(status)


def main() -> None:
    """Builds, installs and runs."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for package in PACKAGES:
            # `build` makes the wheel from the source distribution.
            run(sys.executable, "-m", "build", "--no-isolation", "--outdir", work / "dist", ROOT / "packages" / package)
        environment = work / "environment"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", *sorted((work / "dist").glob("*.whl")))
        script = work / "quickstart.py"
        script.write_text(quickstart((ROOT / "README.md").read_text()))
        run(python, "-W", "error", script, cwd=work)
        run(python, "-m", "pip", "check")
    print("wheels: built, installed and run")


if __name__ == "__main__":
    main()
