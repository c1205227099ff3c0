"""Symbols: operations with names, such as functions, and the tables that find them."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import ir

from ._arguments import check_kind, member, own, text
from .errors import OwnershipError
from .operations import Operation, wrap_operation

if TYPE_CHECKING:
    from .modules import Module

__all__ = ["SymbolTable", "SymbolVisibility"]

_NAME = "sym_name"


class SymbolVisibility(enum.Enum):
    """Who may refer to a symbol: everyone, only its own symbol table, or symbol tables that enclose it as well."""

    PUBLIC = "public"
    PRIVATE = "private"
    NESTED = "nested"


class SymbolTable:
    """The symbols directly inside an operation, such as the functions of a module, by name.

    Args:
        holder: A module, or another operation that MLIR lets hold symbols.

    Raises:
        OwnershipError: If the operation cannot hold symbols.
    """

    __slots__ = ("_holder",)

    def __init__(self, holder: Module | Operation) -> None:
        operation: Any = holder if isinstance(holder, Operation) else getattr(holder, "operation", holder)
        check_kind(operation, Operation, "a symbol table", "a module or an operation")
        # MLIR would end the process on a module without its block.
        regions = operation.regions
        is_empty = len(regions) != 1 or not len(regions[0])
        try:
            if not is_empty:
                ir.SymbolTable(operation.to_bindings())
        except TypeError:
            is_empty = True
        if is_empty:
            raise OwnershipError(f"`{operation.name}` cannot hold symbols")
        self._holder = operation

    def __getitem__(self, name: str) -> Operation:
        for operation in self._symbols():
            if operation.attributes[_NAME].to_python() == name:
                return operation
        names = ", ".join(f"`{symbol}`" for symbol in self) or "none"
        raise KeyError(f"expected one of the symbols {names}, but got `{name}`")

    def __contains__(self, name: object) -> bool:
        return any(symbol == name for symbol in self)

    def __iter__(self) -> Iterator[str]:
        return iter([operation.attributes[_NAME].to_python() for operation in self._symbols()])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def insert(self, operation: Operation) -> str:
        """Appends an operation with a name to the table, and renames it if the name is taken.

        Returns:
            The name that the operation has now.

        Raises:
            OwnershipError: If the operation has no name.
        """
        own(self._holder.context, operation, Operation, "operation")
        if _NAME not in operation.attributes:
            raise OwnershipError(f"`{operation.name}` has no name and cannot be a symbol")
        wanted = operation.attributes[_NAME].to_python()
        taken = {symbol.attributes[_NAME].to_python() for symbol in self._symbols() if symbol != operation}
        name, count = wanted, 0
        while name in taken:
            name, count = f"{wanted}_{count}", count + 1
        block = self._holder.regions[0].blocks[0]
        if operation.block != block:
            block.append(operation)
        if name != wanted:
            operation.attributes[_NAME] = operation.context.string_attribute(name)
        return name

    def erase(self, name: str) -> None:
        """Removes and frees a symbol. References to it stay, and the verifier reports them.

        Raises:
            KeyError: If there is no such symbol.
        """
        self[name].erase()

    def rename(self, old: str, new: str) -> None:
        """Renames a symbol and every reference to it inside the operation that holds the table.

        Raises:
            KeyError: If there is no symbol called `old`.
            OwnershipError: If `new` is taken.
        """
        symbol = self[old]
        if not text(new, "a symbol"):
            raise ValueError("a symbol expected a name, but got ''")
        if new in self:
            raise OwnershipError(f"cannot rename `{old}`, because the symbol `{new}` exists already")
        ir.SymbolTable.replace_all_symbol_uses(old, new, self._holder.to_bindings())
        symbol.attributes[_NAME] = symbol.context.string_attribute(new)

    def visibility(self, name: str) -> SymbolVisibility:
        """Returns the visibility of a symbol.

        Raises:
            KeyError: If there is no such symbol.
        """
        return member(SymbolVisibility, ir.SymbolTable.get_visibility(self[name].to_bindings()).value)

    def set_visibility(self, name: str, visibility: SymbolVisibility | str) -> None:
        """Changes the visibility of a symbol.

        Raises:
            KeyError: If there is no such symbol.
        """
        ir.SymbolTable.set_visibility(self[name].to_bindings(), member(SymbolVisibility, visibility).value)

    def __repr__(self) -> str:
        return f"SymbolTable[{', '.join(self)}]"

    def _symbols(self) -> Iterator[Operation]:
        holder = self._holder
        for block in holder.regions[0].blocks:
            for raw in block.to_bindings().operations:
                if _NAME in raw.operation.attributes:
                    yield wrap_operation(holder.context, holder._owner, raw)
