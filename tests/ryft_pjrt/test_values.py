"""Tests of named values."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryft_pjrt.errors import OptionError
from ryft_pjrt.values import named_values, read_named_values

values = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(width=32, allow_nan=False)
    | st.text()
    | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)
)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_named_values_round_trip(mapping: dict[str, object]) -> None:
    array, _keep = named_values(mapping)

    found = read_named_values(array, len(mapping))

    assert found == mapping
    assert [type(value) for value in found.values()] == [type(value) for value in mapping.values()]


@pytest.mark.parametrize("value", [None, b"x", [1.5], [True], numpy.int64(3), {}, 2**63])
def test_named_values_reject_other_values(value: object) -> None:
    with pytest.raises(OptionError, match="option `a` expected"):
        named_values({"a": value})


def test_empty_lists_are_kept() -> None:
    array, _keep = named_values({"a": []})

    assert read_named_values(array, 1) == {"a": []}
