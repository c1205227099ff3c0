"""Operations on arrays close to the hardware's, named as in JAX; the same as `ryft_core.lax`."""

from ryft_core.lax import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]
from ryft_core.lax import __all__ as __all__
