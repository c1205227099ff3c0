"""Names of the NumPy-like surface: all exist, second names are the same functions, and what other tests leave out."""

from __future__ import annotations

from types import ModuleType

import numpy
import pytest

import ryft_core.numpy as rnp
from ryft_core import lax, nn

M = numpy.arange(6, dtype="float32").reshape(2, 3)


@pytest.mark.parametrize("module", [rnp, rnp.linalg, lax, nn, nn.initializers], ids=lambda module: module.__name__)
def test_every_exported_name_exists(module: ModuleType) -> None:
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("acos", "arccos"),
        ("acosh", "arccosh"),
        ("around", "round"),
        ("asin", "arcsin"),
        ("asinh", "arcsinh"),
        ("atan", "arctan"),
        ("atan2", "arctan2"),
        ("atanh", "arctanh"),
        ("bitwise_invert", "bitwise_not"),
        ("concat", "concatenate"),
        ("permute_dims", "transpose"),
    ],
)
def test_second_names_are_the_same_functions(name: str, other: str) -> None:
    assert getattr(rnp, name) is getattr(rnp, other)
    assert hasattr(numpy, name)


def test_constants_are_those_of_numpy() -> None:
    for name in ("pi", "e", "inf", "euler_gamma", "newaxis"):
        assert getattr(rnp, name) == getattr(numpy, name)
    assert numpy.isnan(rnp.nan)
    assert rnp.bool_ is numpy.bool_


def test_small_functions_that_other_tests_leave_out() -> None:
    assert rnp.empty_like(M).tolist() == [[0.0] * 3] * 2
    assert rnp.pow(M, 2).tolist() == (M**2).tolist()
    assert rnp.vecdot(M, M).tolist() == [5.0, 50.0]
    assert rnp.matrix_transpose(M).shape == (3, 2)
    assert [part.tolist() for part in rnp.unstack(M, 1)] == M.T.tolist()
    assert rnp.matvec(M, M[0]).tolist() == [5.0, 14.0]
    assert (rnp.shape(M), rnp.ndim(M), rnp.size(M), rnp.size(M, 1)) == ((2, 3), 2, 6, 3)
    assert rnp.broadcast_shapes((2, 1), (3,)) == (2, 3)


def test_einsum_path_multiplies_the_cheapest_pair_first() -> None:
    assert rnp.einsum_path("ij,jk,k->i", numpy.ones((50, 50)), numpy.ones((50, 50)), numpy.ones(50))[0] == (1, 2)
