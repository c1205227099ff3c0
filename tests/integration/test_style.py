"""The house rules that a program can check: sizes of files and functions, what is forbidden, what is required."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = [
    path
    for path in sorted(ROOT.glob("packages/*/src/**/*.py"))
    if not path.name.endswith("_pb2.py") and "generated" not in path.parts
]
FILE_LIMIT, FUNCTION_LIMIT = 700, 80


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT / "packages"))


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_a_module_keeps_the_house_rules(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "a module opens with a docstring"
    assert source.count("\n") <= FILE_LIMIT, "a file of this length has two subjects"
    assert path.name != "utils.py"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            docstring = ast.get_docstring(node)
            length -= docstring.count("\n") + 1 if docstring else 0
            assert length <= FUNCTION_LIMIT, f"`{node.name}` has {length} lines"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py"], ids=identify)
def test_a_module_lists_what_it_exports(path: Path) -> None:
    assigned = {
        target.id
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    assert "__all__" in assigned or path.name == "__main__.py" or "import *" in path.read_text()
