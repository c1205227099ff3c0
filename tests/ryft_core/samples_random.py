"""Samples of random bits."""

import numpy
from samples import sample

from ryft_core.primitives.random_bits import RandomBits

WITHOUT = {
    "reference": "NumPy has no such generator; test_random_bits checks what is promised of it",
    "interpreter": "the reference interpreter does not evaluate it",
}
SAMPLES = [
    sample(RandomBits((2, 3), numpy.dtype("uint32"), "THREE_FRY"), numpy.array([1, 2], "uint64"), without=WITHOUT),
    sample(RandomBits((5,), numpy.dtype("uint8"), "PHILOX"), numpy.array([1, 2, 3, 4], "uint32"), without=WITHOUT),
]
