"""Classes as structures of parameters, and what one does with all of them; the same as `ryft_core.parameters`."""

from ryft_core.parameters import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
from ryft_core.parameters import __all__ as __all__
