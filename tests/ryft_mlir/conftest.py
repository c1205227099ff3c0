"""What the tests of the MLIR wrappers share."""

import pytest

from ryft_mlir import Context


@pytest.fixture(scope="module")
def context() -> Context:
    return Context()
