"""Builders of the dialects, one module each. Every builder appends one operation to the block it is given.

Imported with the package are `func`, `stable_hlo`, `chlo`, `shardy` and `builtin`. The others, which are `arith`, `cf`,
`gpu`, `llvm`, `math`, `memref`, `mhlo`, `mpmd`, `nvgpu`, `nvvm`, `scf`, `sparse_tensor` and `vector`, are large and are
imported when you ask for them: `from ryft_mlir.dialects import arith`.
"""

from . import builtin, chlo, func, shardy, stable_hlo

__all__ = ["builtin", "chlo", "func", "shardy", "stable_hlo"]
