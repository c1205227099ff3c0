"""Printing and callbacks from compiled programs; the same as `ryft_core.debug`."""

from ryft_core.debug import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
from ryft_core.debug import __all__ as __all__
