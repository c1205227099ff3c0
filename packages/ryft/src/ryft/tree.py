"""Nested containers of arrays; the same as `ryft_core.trees`."""

from ryft_core.trees import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
from ryft_core.trees import __all__ as __all__
