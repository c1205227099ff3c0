"""Convolution and windows against JAX, and their errors."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import ryft_core as ryft
from ryft_core.primitives.convolution import conv_general_dilated, conv_transpose
from ryft_core.primitives.windows import reduce_window_max, reduce_window_sum

GENERATOR = np.random.default_rng(0)
LAYOUTS = [("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC"), ("CNHW", "IOHW", "HWNC")]
CASES = [
    (LAYOUTS[0], 1, 1, (2, 1), "SAME", (1, 1), (1, 1)),
    (LAYOUTS[1], 2, 1, (1, 1), "VALID", (1, 1), (1, 2)),
    (LAYOUTS[2], 1, 2, (2, 1), [(1, 2), (0, 1)], (2, 1), (1, 1)),
    (LAYOUTS[0], 2, 1, (2, 1), [(1, 2), (-1, 1)], (1, 2), (2, 1)),
]


@pytest.fixture
def lax() -> Iterator[Any]:
    import jax

    with jax.enable_x64(True):
        yield jax.lax


def operands(layouts: tuple[str, str, str], features: int) -> tuple[Any, Any]:
    sizes = {"N": 4, "C": 4, "H": 5, "W": 6}
    kernel = {"O": 4, "I": 4 // features, "H": 3, "W": 2}
    return (
        GENERATOR.normal(size=[sizes[letter] for letter in layouts[0]]),
        GENERATOR.normal(size=[kernel[letter] for letter in layouts[1]]),
    )


@pytest.mark.parametrize("case", CASES)
def test_convolution_its_gradient_and_its_batches_agree_with_jax(lax: Any, case: tuple[Any, ...]) -> None:
    import jax

    layouts, features, batches, strides, padding, base, holes = case
    x, w = operands(layouts, features)
    options = {
        "window_strides": strides,
        "padding": padding,
        "lhs_dilation": base,
        "rhs_dilation": holes,
        "dimension_numbers": layouts,
        "feature_group_count": features,
        "batch_group_count": batches,
    }

    def ours(x: Any, w: Any) -> Any:
        return conv_general_dilated(x, w, **options)

    def theirs(x: Any, w: Any) -> Any:
        return lax.conv_general_dilated(x, w, **options)

    expected = np.asarray(theirs(x, w))
    np.testing.assert_allclose(ours(x, w), expected, rtol=1e-9, atol=1e-10)
    for a, b in zip(ryft.vjp(ours, x, w)[1](expected), jax.vjp(theirs, x, w)[1](expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    many = (np.stack([x, 2 * x]), np.stack([w, -w], 1))
    for axes in ((0, None), (None, 1), (0, 1)):
        given = [stack if axis is not None else one for stack, one, axis in zip(many, (x, w), axes, strict=True)]
        np.testing.assert_allclose(ryft.vmap(ours, axes)(*given), jax.vmap(theirs, axes)(*given), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("strides", "padding"), list(itertools.product([(1, 1), (2, 3)], ["SAME", "VALID"])))
def test_conv_transpose_agrees_with_jax(lax: Any, strides: tuple[int, int], padding: str) -> None:
    x, w = GENERATOR.normal(size=(2, 3, 5, 6)), GENERATOR.normal(size=(4, 3, 3, 2))
    expected = lax.conv_transpose(x, w, strides, padding, dimension_numbers=LAYOUTS[0])
    np.testing.assert_allclose(conv_transpose(x, w, strides, padding), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension_numbers": ("NCHW", "OIHW", "NCHH")}, "expected 4 distinct letters with N and C"),
        ({"padding": "LOOSE"}, "expected padding 'SAME'"),
        ({"padding": [(0, 0)]}, r"a \(low, high\) pair of padding for each of 2 axes"),
        ({"window_strides": (0, 1)}, "expected 2 positive `window_strides`"),
        ({"feature_group_count": 3}, r"expected a kernel for 4 input features in 3 group\(s\)"),
        ({"rhs": np.ones((4, 4, 3))}, "expected operands of equal rank"),
    ],
)
def test_convolution_refuses_what_does_not_fit(changes: dict[str, Any], message: str) -> None:
    x, w = operands(LAYOUTS[0], 1)
    with pytest.raises((ryft.ShapeError, ValueError), match=message):
        conv_general_dilated(**{"lhs": x, "rhs": w, "window_strides": (1, 1), "padding": "SAME", **changes})


def test_windows_refuse_parameters_of_another_rank() -> None:
    with pytest.raises(ryft.ShapeError, match="expected 2 entries for an array of shape"):
        reduce_window_sum(np.ones((3, 3)), (2,))


def test_transpose_of_a_dilated_pooling_is_refused() -> None:
    with pytest.raises(ryft.ShapeError, match="windowed extremum with dilation cannot be lowered"):
        ryft.grad(lambda x: reduce_window_max(x, (2, 2), window_dilation=(2, 1)).sum())(np.ones((5, 5)))
