"""Random bits: deterministic, different from state to state, the same as JAX's, and mappable."""

import numpy as np
import pytest

import ryft_core as ryft
from ryft_core.primitives.random_bits import rng_bit_generator

KEY = np.array([7, 11, 13, 17], np.uint32)


@pytest.mark.parametrize("algorithm", ["THREE_FRY", "PHILOX"])
def test_bits_agree_with_jax(algorithm: str) -> None:
    import jax

    named = {"THREE_FRY": "RNG_THREE_FRY", "PHILOX": "RNG_PHILOX"}[algorithm]
    key, bits = rng_bit_generator(KEY, (64,), algorithm=algorithm)
    expected_key, expected = jax.lax.rng_bit_generator(
        KEY, (64,), algorithm=getattr(jax.lax.RandomAlgorithm, named), dtype="uint32"
    )
    np.testing.assert_array_equal(bits, expected)
    np.testing.assert_array_equal(key, expected_key)


def test_bits_depend_on_the_state_only() -> None:
    key, first = rng_bit_generator(KEY, (16,))
    assert np.array_equal(first, rng_bit_generator(KEY, (16,))[1])
    assert not np.array_equal(first, rng_bit_generator(key, (16,))[1])


def test_bits_are_balanced() -> None:
    bits = np.unpackbits(np.asarray(rng_bit_generator(KEY, (10_000,), "uint8")[1]))
    assert abs(bits.mean() - 0.5) < 0.01


def test_bits_under_vmap_are_those_of_each_state() -> None:
    keys = np.stack([KEY, KEY + 1])
    _, many = ryft.vmap(lambda key: rng_bit_generator(key, (8,)))(keys)
    for key, bits in zip(keys, many, strict=True):
        np.testing.assert_array_equal(bits, rng_bit_generator(key, (8,))[1])


def test_a_state_that_is_not_a_vector_of_unsigned_integers_is_refused() -> None:
    with pytest.raises(ryft.ShapeError, match="expected a vector of unsigned integers as its state, but got int32"):
        rng_bit_generator(np.zeros(4, np.int32), (3,))


def test_an_unknown_algorithm_and_a_wrong_type_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected an algorithm among .*, but got 'DICE'"):
        rng_bit_generator(KEY, (3,), algorithm="DICE")
    with pytest.raises(ryft.DataTypeError, match="gives integers, but float32 was asked for"):
        rng_bit_generator(KEY, (3,), "float32")
