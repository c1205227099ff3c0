"""Special functions against SciPy."""

from typing import Any

import numpy as np
import pytest
import scipy.special

import ryft_core as ryft
import ryft_core.numpy as rnp
from ryft_core.primitives import special_functions as special

POSITIVE = np.linspace(0.3, 6, 41)
SIGNED = np.linspace(-9, 9, 41)


@pytest.mark.parametrize(
    ("ours", "oracle", "points"),
    [
        (special.erf, scipy.special.erf, SIGNED),
        (special.erfc, scipy.special.erfc, SIGNED),
        (special.erfinv, scipy.special.erfinv, np.linspace(-0.99, 0.99, 21)),
        (special.gammaln, scipy.special.gammaln, POSITIVE),
        (special.digamma, scipy.special.digamma, POSITIVE),
        (lambda x: special.polygamma(2.0, x), lambda x: scipy.special.polygamma(2, x), POSITIVE),
        (lambda x: special.zeta(3.0, x), lambda x: scipy.special.zeta(3, x), POSITIVE),
        (special.bessel_i0e, scipy.special.i0e, SIGNED),
        (special.bessel_i1e, scipy.special.i1e, SIGNED),
    ],
)
def test_function_agrees_with_scipy(ours: Any, oracle: Any, points: Any) -> None:
    np.testing.assert_allclose(ours(points), oracle(points), rtol=1e-9, atol=1e-12)


def test_derivative_of_bessel_i1e_agrees_with_scipy_also_at_zero() -> None:
    points = np.array([-3.0, 0.0, 0.5, 20.0])
    slopes = ryft.vmap(ryft.grad(special.bessel_i1e))(points)
    step = 1e-6
    expected = (scipy.special.i1e(points + step) - scipy.special.i1e(points - step)) / (2 * step)
    expected[1] = 0.5
    np.testing.assert_allclose(slopes, expected, rtol=1e-6, atol=1e-9)


def test_derivative_of_zeta_by_its_first_operand_is_refused() -> None:
    with pytest.raises(ryft.DataTypeError, match="has no derivative in closed form"):
        ryft.grad(special.zeta)(2.0, 1.0)


@pytest.mark.parametrize("dtype", ["float4_e2m1fn", "float8_e3m4", "float8_e5m2", "float8_e8m0fnu", "bfloat16"])
@pytest.mark.parametrize("name", ["erfc", "bessel_i0e", "bessel_i1e"])
def test_narrow_floating_point_numbers_are_computed_in_32_bits_and_rounded(name: str, dtype: str) -> None:
    function = getattr(special, name)
    points = rnp.asarray([0.5, 1.0, 2.0, 4.0], dtype)
    result = ryft.jit(function)(points)
    assert result.dtype == dtype
    assert result.tolist() == function(points.astype("float32")).astype(dtype).tolist()
