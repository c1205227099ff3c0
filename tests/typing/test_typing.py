"""What must type-check does, and what must not is reported on its line.

A line of a `bad_*.py` that ends in `# error: TEXT` must be reported with TEXT in the message or as the name of the
rule; several words that each start with `report` are rules of which one must be reported. No other line may be.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARK = re.compile(r"# error: (.+)$")
Reports = dict[str, dict[int, list[str]]]


@pytest.fixture(scope="module")
def reports() -> Reports:
    """Returns what the type checker reports: the messages, with the names of their rules, by file and line."""
    snippets = [str(path) for path in sorted(HERE.glob("*.py")) if path.name != Path(__file__).name]
    command = [sys.executable, "-m", "basedpyright", "--outputjson", *snippets]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)
    found: Reports = {}
    diagnostics: list[dict[str, Any]] = json.loads(result.stdout)["generalDiagnostics"]
    for each in diagnostics:
        line = each["range"]["start"]["line"] + 1
        message = f"{each['message']} ({each.get('rule', '')})"
        found.setdefault(Path(each["file"]).name, {}).setdefault(line, []).append(message)
    return found


@pytest.mark.parametrize("path", sorted(HERE.glob("ok_*.py")), ids=lambda path: path.stem)
def test_a_good_snippet_type_checks(path: Path, reports: Reports) -> None:
    assert reports.get(path.name, {}) == {}


@pytest.mark.parametrize("path", sorted(HERE.glob("bad_*.py")), ids=lambda path: path.stem)
def test_each_mistake_is_reported_on_its_line(path: Path, reports: Reports) -> None:
    found = reports.get(path.name, {})
    marks = {
        number: mark[1]
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if (mark := MARK.search(line))
    }
    assert marks, "a bad snippet has mistakes"
    assert found.keys() == marks.keys()
    for number, wanted in marks.items():
        texts = wanted.split() if wanted.startswith("report") else [wanted]
        assert any(text in message for text in texts for message in found[number]), (number, wanted, found[number])


@pytest.mark.parametrize("path", sorted(HERE.glob("ok_*.py")), ids=lambda path: path.stem)
def test_a_good_snippet_can_be_imported(path: Path) -> None:
    command = [sys.executable, "-W", "error", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
