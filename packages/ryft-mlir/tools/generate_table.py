"""Writes the table of dialects and operations into the package's README, between its two markers.

Run it from the root of the workspace: `python packages/ryft-mlir/tools/generate_table.py`.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from ryft_xla_sys.mlir import dialect

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parents[1]
DIALECTS = PACKAGE / "src" / "ryft_mlir" / "dialects"
START, END = "<!-- table: start -->", "<!-- table: end -->"

MODULES = {
    "builtin": ["builtin.py"],
    "func": ["func.py"],
    "stablehlo": sorted(path.name for path in (DIALECTS / "stable_hlo").glob("*.py")),
    "chlo": ["chlo.py"],
    "sdy": ["shardy.py", "shardy_operations.py"],
    "scf": ["scf.py", "scf_operations.py"],
    **{name: [f"{name}.py"] for name in ("arith", "cf", "math", "memref", "vector", "mpmd", "mhlo", "sparse_tensor")},
    **{name: [f"{name}.py"] for name in ("gpu", "nvgpu", "nvvm", "llvm")},
}


def builders(name: str) -> dict[str, str]:
    """Returns the builder of each operation of a dialect, as it is imported."""
    found: dict[str, str] = {}
    for file in MODULES[name]:
        path = DIALECTS / "stable_hlo" / file if name == "stablehlo" else DIALECTS / file
        module = "stable_hlo" if name == "stablehlo" else path.stem
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            for item in ast.walk(node):
                if isinstance(item, ast.Constant) and str(item.value).startswith(f"{name}."):
                    found.setdefault(str(item.value), f"{module}.{node.name}")
    return found


def operations(name: str) -> list[str]:
    """Returns the operations of a dialect that the bindings have classes for."""
    members = vars(dialect(name)).values()
    names = {getattr(member, "OPERATION_NAME", None) for member in members if isinstance(member, type)}
    return sorted(item for item in names if isinstance(item, str) and item.startswith(f"{name}."))


def how_tested(name: str) -> dict[str, str]:
    """Returns how the operations of a dialect are tested, beyond what is true of all of them."""
    if name == "stablehlo":
        from tests.ryft_mlir.stable_hlo_samples import SAMPLES

        table: dict[str, str] = {}
        for sample in SAMPLES:
            ways = ["text, bytecode, artifact"]
            ways += ["interpreter"] * sample.interpreted + ["CPU plugin"] * sample.compiled
            table.setdefault(sample.operation, "; ".join(ways))
        return table
    tests = "".join(path.read_text() for path in sorted((ROOT / "tests" / "ryft_mlir").glob("test_*.py")))
    if name == "chlo":
        return dict.fromkeys(builders(name), "verified, text, legalized to StableHLO")
    return {
        operation: "in a verified program" for operation, builder in builders(name).items() if f"{builder}(" in tests
    }


def main() -> None:
    """Writes the table."""
    sys.path.insert(0, str(ROOT))
    lines: list[str] = []
    for name in MODULES:
        found, tested = builders(name), how_tested(name)
        default = "built or refused in a child process" if name not in ("stablehlo", "chlo", "builtin", "func") else "-"
        names = operations(name)
        count = sum(operation in found for operation in names)
        lines += [f"<details><summary><code>{name}</code>: {count} of {len(names)} operations</summary>", ""]
        lines += ["| operation | builder | tested |", "|---|---|---|"]
        for operation in names:
            builder = f"`{found[operation]}`" if operation in found else "`Operation.create`"
            lines.append(f"| `{operation}` | {builder} | {tested.get(operation, default)} |")
        lines += ["", "</details>", ""]
    readme = PACKAGE / "README.md"
    text = readme.read_text()
    before, after = text[: text.index(START)], text[text.index(END) :]
    readme.write_text(f"{before}{START}\n" + "\n".join(lines) + after)


if __name__ == "__main__":
    main()
