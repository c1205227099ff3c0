"""Dependencies point down only, and only one package touches what is native."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "ryft_xla_sys": set(),
    "ryft_pjrt": {"ryft_xla_sys"},
    "ryft_mlir": {"ryft_xla_sys"},
    "ryft_core": {"ryft_pjrt", "ryft_mlir", "ryft_xla_sys"},
    "ryft": {"ryft_core", "ryft_pjrt", "ryft_mlir", "ryft_xla_sys"},
}
MODULES = sorted(ROOT.glob("packages/*/src/**/*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return names


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_is_below_it(package: str) -> None:
    for path in MODULES:
        if path.relative_to(ROOT).parts[3] == package:
            others = {name.split(".")[0] for name in imported(path)} & ALLOWED.keys() - {package}
            assert others <= ALLOWED[package], f"{path} imports {others - ALLOWED[package]}"


def test_no_product_code_imports_jax() -> None:
    assert not [path for path in MODULES if any(name.split(".")[0] == "jax" for name in imported(path))]


def test_only_the_lowest_package_names_jaxlib() -> None:
    users = [path for path in MODULES if any(name.split(".")[0] == "jaxlib" for name in imported(path))]
    assert all("ryft_xla_sys" in path.parts for path in users)
