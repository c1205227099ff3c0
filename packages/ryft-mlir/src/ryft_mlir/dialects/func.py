"""The dialect `func`: functions and calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import ir

from .. import attribute_factories, operations
from .._arguments import member
from .._conversions import flat_symbol, symbol_name
from ..attributes import Attribute, DictionaryAttribute
from ..blocks import Block
from ..building import build, build_operation, context_of
from ..errors import OwnershipError
from ..locations import raw_location as find_location
from ..operations import Operation
from ..symbols import SymbolVisibility
from ..types import FunctionType, Type, raw_types
from ..values import type_of

if TYPE_CHECKING:
    from ..context import Context
    from ..locations import Location
    from ..values import Value

__all__ = ["FunctionOperation", "call", "call_indirect", "constant", "func", "return_"]


class FunctionOperation(Operation):
    """A function. Without blocks, it is a declaration of an external function."""

    __slots__ = ()

    @property
    def symbol_name(self) -> str:
        """Name of the function."""
        return self.attributes["sym_name"].to_python()

    @property
    def function_type(self) -> FunctionType:
        """Type of the function."""
        return FunctionType(self._context, self.attributes["function_type"].to_bindings().value)

    @property
    def visibility(self) -> SymbolVisibility:
        """Who may call the function."""
        raw = self.to_bindings().attributes
        return member(SymbolVisibility, raw["sym_visibility"].value if "sym_visibility" in raw else "public")

    @property
    def argument_attributes(self) -> tuple[dict[str, Attribute], ...]:
        """For each argument, its attributes by name."""
        return self._dictionaries("arg_attrs", len(self.function_type.inputs))

    @property
    def result_attributes(self) -> tuple[dict[str, Attribute], ...]:
        """For each result, its attributes by name."""
        return self._dictionaries("res_attrs", len(self.function_type.outputs))

    @property
    def is_external(self) -> bool:
        """Whether the function is only declared."""
        return len(self.to_bindings().regions[0].blocks) == 0

    @property
    def entry_block(self) -> Block:
        """The first block of the function; its arguments are those of the function.

        Raises:
            OwnershipError: If the function is only declared.
        """
        if self.is_external:
            raise OwnershipError(f"function `{self.symbol_name}` is only declared and has no blocks")
        return self.regions[0].blocks[0]

    def _dictionaries(self, key: str, count: int) -> tuple[dict[str, Attribute], ...]:
        raw = self.to_bindings().attributes
        if key not in raw:
            return tuple({} for _ in range(count))
        return tuple(dict(DictionaryAttribute(self._context, item)) for item in raw[key])


operations.CLASSES["func.func"] = FunctionOperation


def func(
    block: Block,
    name: str,
    argument_types: Sequence[Type] = (),
    result_types: Sequence[Type] = (),
    *,
    visibility: SymbolVisibility | str = SymbolVisibility.PUBLIC,
    argument_attributes: Sequence[Mapping[str, Any] | None] | None = None,
    result_attributes: Sequence[Mapping[str, Any] | None] | None = None,
    attributes: Mapping[str, Any] | None = None,
    declaration: bool = False,
    location: Location | None = None,
) -> FunctionOperation:
    """Appends a function to the body of a module.

    Args:
        block: Body of the module.
        name: Name of the function.
        argument_types: Types of the arguments.
        result_types: Types of the results.
        visibility: `"public"`, `"private"` or `"nested"`.
        argument_attributes: For each argument, its attributes by name, as attributes or plain Python values.
        result_attributes: For each result, its attributes by name.
        attributes: Further attributes of the function itself.
        declaration: Whether the function is only declared: it then has no entry block and must be private.
        location: Where the function comes from.
    """
    context = context_of(block, "func.func")
    raw_context = context._raw
    inputs, outputs = raw_types(context, argument_types), raw_types(context, result_types)
    raw_attributes: dict[str, Any] = {
        "sym_name": symbol_name(context, name),
        "function_type": ir.TypeAttr.get(ir.FunctionType.get(inputs, outputs, raw_context), raw_context),
    }
    chosen = member(SymbolVisibility, visibility)
    if chosen is not SymbolVisibility.PUBLIC:
        raw_attributes["sym_visibility"] = ir.StringAttr.get(chosen.value, raw_context)
    for key, dictionaries, count in (
        ("arg_attrs", argument_attributes, len(inputs)),
        ("res_attrs", result_attributes, len(outputs)),
    ):
        if dictionaries is not None and any(dictionaries):
            raw_attributes[key] = _dictionaries(context, name, dictionaries, count)
    raw_attributes.update(attribute_factories.raw_attributes(context, attributes or {}))
    raw_location = find_location(context, location)
    block.to_bindings()
    raw = ir.Operation.create("func.func", (), (), raw_attributes, (), 1, raw_location, False)
    if not declaration:
        raw.regions[0].blocks.append(*inputs, arg_locs=[raw_location] * len(inputs))
    block._append(raw)
    return FunctionOperation(context, block._owner, raw)


def return_(block: Block, values: Value | Sequence[Value] = (), *, location: Location | None = None) -> Operation:
    """Ends a function and hands `values` to its caller."""
    operands = values if isinstance(values, Sequence) else (values,)
    return build_operation(block, "func.return", operands, None, (), location=location)


def call(
    block: Block,
    callee: str | FunctionOperation,
    arguments: Sequence[Value],
    result_types: Sequence[Type] | None = None,
    *,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Calls a function by name and returns its results, always as a tuple.

    Args:
        block: Block to append to.
        callee: Name of the function, or the function itself.
        arguments: The arguments.
        result_types: Types of the results. They may be left out if `callee` is the function itself.
        location: Where the call comes from.

    Raises:
        TypeError: If the types of the results are not known.
    """
    if isinstance(callee, FunctionOperation):
        name = callee.symbol_name
        types = callee.function_type.outputs if result_types is None else result_types
    elif result_types is None:
        raise TypeError(f"`call` expected `result_types`, because `{callee}` is only a name")
    else:
        name, types = callee, result_types
    return build(block, "func.call", arguments, {"callee": flat_symbol(context_of(block), name)}, types, location)


def call_indirect(
    block: Block, callee: Value, arguments: Sequence[Value], *, location: Location | None = None
) -> tuple[Value, ...]:
    """Calls a function that is a value and returns its results, always as a tuple."""
    callee_type = type_of(callee)
    if not isinstance(callee_type, FunctionType):
        raise TypeError(f"`call_indirect` expected a function, but got `{callee_type}`")
    return build(block, "func.call_indirect", (callee, *arguments), None, callee_type.outputs, location)


def constant(
    block: Block,
    callee: str | FunctionOperation,
    type: Type | None = None,
    *,
    location: Location | None = None,
) -> Value:
    """Returns a function as a value; `type` may be left out if `callee` is the function itself."""
    if isinstance(callee, FunctionOperation):
        name, result_type = callee.symbol_name, callee.function_type if type is None else type
    elif type is None:
        raise TypeError(f"`constant` expected `type`, because `{callee}` is only a name")
    else:
        name, result_type = callee, type
    attributes = {"value": flat_symbol(context_of(block), name)}
    (result,) = build(block, "func.constant", (), attributes, (result_type,), location)
    return result


def _dictionaries(context: Context, name: str, dictionaries: Sequence[Mapping[str, Any] | None], count: int) -> Any:
    if len(dictionaries) != count:
        raise ValueError(f"function `{name}` expected {count} attribute dictionaries, but got {len(dictionaries)}")
    raw = [
        ir.DictAttr.get(attribute_factories.raw_attributes(context, item or {}), context._raw) for item in dictionaries
    ]
    return ir.ArrayAttr.get(raw, context._raw)
