"""Functions on arrays, named as in NumPy; the same as `ryft_core.numpy`."""

from ryft_core.numpy import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
from ryft_core.numpy import __all__ as __all__
