"""Each public error has a section in `docs/errors.md`, a docstring, and a builtin that it also is."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ryft
import ryft_core
import ryft_mlir
import ryft_pjrt
import ryft_xla_sys
from ryft_xla_sys.errors import RyftError

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
PACKAGES = (ryft_xla_sys, ryft_pjrt, ryft_mlir, ryft_core, ryft)


def subclasses(cls: type[RyftError]) -> Iterator[type[RyftError]]:
    yield cls
    for subclass in cls.__subclasses__():
        yield from subclasses(subclass)


def public_errors() -> list[type[RyftError]]:
    names = {package.__name__ for package in PACKAGES}
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return [
        error
        for error in dict.fromkeys(subclasses(RyftError))
        if error.__module__.partition(".")[0] in names and not error.__name__.startswith("_")
    ]


ERRORS = public_errors()


def test_the_page_has_a_section_for_each_error_and_no_other() -> None:
    sections = re.findall(r"^## (\w+)$", PAGE.read_text(), flags=re.MULTILINE)
    assert sorted(sections) == sorted(error.__name__ for error in ERRORS)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_an_error_says_what_it_means_and_is_a_builtin_too(error: type[RyftError]) -> None:
    assert error.__doc__
    assert error.__doc__[0].isupper()
    assert error.__name__.endswith("Error")
    if error is not RyftError:
        builtin = [base for base in error.__mro__ if base.__module__ in ("builtins", "dataclasses")]
        assert builtin[0] is not Exception, "it is the nearest builtin error as well"


def test_names_of_errors_are_unique() -> None:
    names = [error.__name__ for error in ERRORS]
    assert len(set(names)) == len(names)
