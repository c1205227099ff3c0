"""The five packages move in lockstep, and say truthfully what they need."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = {path.parent.name: tomllib.loads(path.read_text()) for path in ROOT.glob("packages/*/pyproject.toml")}
EXTRAS = {"cuda-12", "cuda-13", "rocm-7", "tpu", "neuron", "metal"}


def test_all_packages_have_one_version() -> None:
    assert len(PROJECTS) == 5
    assert len({project["project"]["version"] for project in PROJECTS.values()}) == 1


@pytest.mark.parametrize("name", PROJECTS)
def test_siblings_are_pinned_exactly(name: str) -> None:
    project = PROJECTS[name]["project"]
    siblings = [text for text in project["dependencies"] if text.startswith("ryft")]
    assert all(text.endswith(f"=={project['version']}") for text in siblings)


@pytest.mark.parametrize("name", ["ryft", "ryft-core", "ryft-pjrt", "ryft-xla-sys"])
def test_extras_are_forwarded(name: str) -> None:
    assert PROJECTS[name]["project"]["optional-dependencies"].keys() >= EXTRAS


@pytest.mark.parametrize("name", PROJECTS)
def test_packages_are_typed_and_documented(name: str) -> None:
    root = ROOT / "packages" / name
    assert (root / "src" / name.replace("-", "_") / "py.typed").is_file()
    assert (root / "README.md").read_text().startswith(f"# {name}")
    assert (root / "CHANGELOG.md").is_file()
