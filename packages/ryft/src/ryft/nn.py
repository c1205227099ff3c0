"""Functions that neural networks consist of, and initializers; the same as `ryft_core.nn`."""

from ryft_core.nn import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
from ryft_core.nn import __all__ as __all__
