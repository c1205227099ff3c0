"""What `generate_dialects.py` cannot read from the bindings: titles, terminators, and what operations mean.

What operations mean stands in `summaries/*.toml`, one or two sentences for each operation.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DIALECTS", "Dialect", "read_summaries"]

FOLDER = Path(__file__).with_name("summaries")


@dataclass(frozen=True)
class Dialect:
    """How the module of one dialect is written.

    Attributes:
        module: Name of the module.
        title: First line of its docstring.
        terminator: Operation that ends a region with the values that its body returns.
        skip: Operations with a builder written by hand.
    """

    module: str
    title: str
    terminator: str = ""
    skip: frozenset[str] = field(default_factory=frozenset)


DIALECTS = {
    "arith": Dialect("arith", "The dialect `arith`: arithmetic on integers and floating-point numbers."),
    "cf": Dialect("cf", "The dialect `cf`: jumps between the blocks of a region."),
    "gpu": Dialect("gpu", "The dialect `gpu`: kernels, launches and memory of graphics processors."),
    "llvm": Dialect("llvm", "The dialect `llvm`: the instructions of LLVM."),
    "math": Dialect("math", "The dialect `math`: elementary functions of numbers, vectors and tensors."),
    "memref": Dialect("memref", "The dialect `memref`: allocation of memory, and access to it."),
    "mhlo": Dialect("mhlo", "The dialect `mhlo`: what came before StableHLO, and what XLA adds to it.", "mhlo.return"),
    "mpmd": Dialect("mpmd", "The dialect `mpmd`: programs split into fragments for several meshes.", "mpmd.return"),
    "nvgpu": Dialect("nvgpu", "The dialect `nvgpu`: instructions of NVIDIA processors on vectors and memory."),
    "nvvm": Dialect("nvvm", "The dialect `nvvm`: intrinsics of LLVM for NVIDIA processors."),
    "scf": Dialect("scf_operations", "The operations of the dialect `scf` one by one, see also `scf`.", "scf.yield"),
    "sdy": Dialect(
        "shardy_operations", "The operations of the dialect `sdy` one by one, see also `shardy`.", "sdy.return"
    ),
    "sparse_tensor": Dialect(
        "sparse_tensor", "The dialect `sparse_tensor`: tensors that store few elements.", "sparse_tensor.yield"
    ),
    "vector": Dialect("vector", "The dialect `vector`: operations on vectors of several dimensions.", "vector.yield"),
}


def read_summaries(folder: Path = FOLDER) -> dict[str, str]:
    """Returns what the operations mean by their full names, from every file `*.toml` of a folder.

    Raises:
        ValueError: If two files have a sentence for the same operation.
    """
    summaries: dict[str, str] = {}
    for path in sorted(folder.glob("*.toml")):
        found: dict[str, str] = tomllib.loads(path.read_text())
        if twice := sorted(summaries.keys() & found.keys()):
            raise ValueError(f"`{path.name}` repeats the sentences of other files for {', '.join(twice)}")
        summaries |= found
    return summaries
