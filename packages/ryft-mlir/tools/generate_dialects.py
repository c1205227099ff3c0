"""Writes the builders of the regular dialects, `src/ryft_mlir/dialects/*.py`, from the bindings' own classes.

Run it after a change of the pinned `jaxlib`, then format: `python packages/ryft-mlir/tools/generate_dialects.py`; with
names of dialects, it writes only these. It refuses when `summaries/*.toml` lacks an operation or has one too many. The
result is committed, so that `help()`, type checkers and the documentation see ordinary functions, and so that what
changed between two versions of the bindings shows as a change of text.
"""

from __future__ import annotations

import ast
import importlib
import keyword
import re
import sys
import textwrap
from dataclasses import dataclass, field
from enum import IntFlag
from pathlib import Path
from typing import Any

from summaries import DIALECTS, read_summaries

from ryft_mlir.dialects import stable_hlo
from ryft_xla_sys.mlir import dialect

PACKAGE = Path(__file__).resolve().parents[1]
TARGET = PACKAGE / "src" / "ryft_mlir" / "dialects"
SUMMARIES = read_summaries()

ANNOTATIONS = {
    "BoolAttr": "bool | Attribute",
    "I1Attr": "bool | Attribute",
    **dict.fromkeys(("I8Attr", "I16Attr", "I32Attr", "I64Attr", "IndexAttr", "UI32Attr"), "int | Attribute"),
    **dict.fromkeys(("F32Attr", "F64Attr"), "float | Attribute"),
    **dict.fromkeys(
        ("StrAttr", "SymbolNameAttr", "FlatSymbolRefAttr", "SymbolRefAttr", "Builtin_StringAttr"), "str | Attribute"
    ),
    **dict.fromkeys(("DenseI32ArrayAttr", "DenseI64ArrayAttr", "I64ArrayAttr", "I32ArrayAttr"), "Integers"),
    **dict.fromkeys(("DenseBoolArrayAttr", "BoolArrayAttr"), "Sequence[bool] | Attribute"),
    "TypeAttr": "Type | Attribute",
    "AffineMapAttr": "AffineMap | Attribute",
    "I64ElementsAttr": "ArrayLike | Attribute",
}

# Kinds that a dialect gives a name of its own, by the kind that the bindings can make.
SAME_KINDS = {
    "GPU_OptionalDimSizeHintAttr": "DenseI32ArrayAttr",
    "MHLO_ArrayOfLayoutAttr": "ArrayAttr",
    "MHLO_BoolElementsAttr": "ElementsAttr",
    "MHLO_FlatSymbolRefArrayAttr": "FlatSymbolRefArrayAttr",
    "ValidRoundingModeAttr": "RoundingModeAttr",
}


@dataclass
class Attribute:
    name: str
    key: str
    kind: str
    optional: bool
    unit: bool = False


@dataclass
class Operation:
    name: str
    operands: list[tuple[str, str]] = field(default_factory=list)  # Name and kind: "one", "optional" or "many".
    attributes: list[Attribute] = field(default_factory=list)
    regions: list[tuple[str, str]] = field(default_factory=list)
    successors: list[tuple[str, str]] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    inferred: bool = False
    like_first: bool = False
    segments: bool = False
    result_segments: bool = False


def snake(name: str) -> str:
    """Returns a name in lower case with underscores that is neither a keyword nor one of ours."""
    text = re.sub(WORD_START, "_", name).lower().strip("_")
    return text + "_" if keyword.iskeyword(text) or text in RESERVED else text


WORD_START = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
# Regions that may be without blocks, by operation.
OPTIONAL_REGIONS = {
    "gpu.all_reduce": (0,),
    "llvm.func": (0,),
    "llvm.mlir.global": (0,),
    "scf.if": (1,),
    "sparse_tensor.binary": (0, 1, 2),
    "sparse_tensor.unary": (0, 1),
}
# Names of operands that MLIR made up or misspelt, and better ones; first those of single operations.
NAMES = {
    "llvm.landingpad:_gen_arg_1": "clauses",
    "_gen_arg_0": "lhs",
    "_gen_arg_1": "rhs",
    "arg_0": "arg",
    "satrt_value": "start_value",
}
RESERVED = {"block", "location", "result_type", "result_types", "attributes", "self"}


def parse_operation(node: ast.ClassDef, returns: str) -> Operation | None:
    """Reads what an operation takes and gives from its class in the bindings, and what their function returns."""
    constants: dict[str, Any] = {}
    initializer: ast.FunctionDef | None = None
    properties: list[ast.FunctionDef] = []
    for item in node.body:
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            constants[item.targets[0].id] = ast.literal_eval(item.value)
        elif isinstance(item, ast.FunctionDef) and item.name == "__init__":
            initializer = item
        elif isinstance(item, ast.FunctionDef) and any("property" in ast.unparse(d) for d in item.decorator_list):
            properties.append(item)
    if initializer is None or "OPERATION_NAME" not in constants:
        return None
    operation = Operation(constants["OPERATION_NAME"])
    segments = constants.get("_ODS_OPERAND_SEGMENTS")
    operation.segments = segments is not None
    operation.result_segments = constants.get("_ODS_RESULT_SEGMENTS") is not None
    operation.inferred = any(argument.arg == "results" for argument in initializer.args.kwonlyargs)
    for statement in initializer.body:
        read_statement(operation, statement, segments)
    operation.operands = [
        (NAMES.get(f"{operation.name}:{name}", NAMES.get(name, name)), kind) for name, kind in operation.operands
    ]
    for item in properties:
        text = ast.unparse(item)
        if operation.inferred and "operation.results" in text:
            kind = (
                "optional" if "None if" in text else "one" if re.search(r"return .*results\[\d+\]$", text) else "many"
            )
            operation.results.append((item.name, kind))
        elif "self.regions" in text:
            operation.regions.append((item.name, "many" if re.search(r"regions\[\d+:\]", text) else "one"))
    if operation.inferred and not operation.results and "OpResult" in returns:
        # A result without a name has no property.
        operation.results.append(("result", "many" if "OpResultList" in returns else "one"))
    count, fixed = constants.get("_ODS_REGIONS", (0, True))
    if fixed and len(operation.regions) < count:
        operation.regions += [(f"region{index}", "one") for index in range(len(operation.regions), count)]
    return operation


def read_statement(operation: Operation, statement: ast.stmt, segments: list[int] | None) -> None:
    """Reads one statement of an initializer: an operand, an attribute, a successor or a result."""
    text = ast.unparse(statement)
    if match := re.fullmatch(r"operands\.append\((?:_get_op_results?_or_values?\()?(\w+)\)?\)", text):
        kind = "one"
        if segments is not None:
            kind = {1: "one", 0: "optional", -1: "many"}[segments[len(operation.operands)]]
        operation.operands.append((match[1], kind))
    elif match := re.fullmatch(r"operands\.extend\(_get_op_results_or_values\((\w+)\)\)", text):
        operation.operands.append((match[1], "many"))
    elif match := re.fullmatch(r"if (\w+) is not None:\s+operands\.append\((\w+)\)", text):
        operation.operands.append((match[1], "optional"))
    elif match := re.search(r"attributes\['([^']+)'\] = _ods_ir\.UnitAttr", text):
        name = re.match(r"if bool\((\w+)\)", text)
        operation.attributes.append(Attribute(name[1] if name else match[1], match[1], "UnitAttr", True, True))
    elif match := re.search(r"attributes\['([^']+)'\] = (\w+) if .*AttrBuilder\.get\('([^']+)'\)", text, re.S):
        kind = SAME_KINDS.get(match[3], match[3])
        operation.attributes.append(Attribute(match[2], match[1], kind, text.startswith("if ")))
    elif match := re.fullmatch(r"_ods_successors\.(append|extend)\((\w+)\)", text):
        operation.successors.append((match[2], "one" if match[1] == "append" else "many"))
    elif match := re.fullmatch(r"(if \w+ is not None:\s+)?results\.(append|extend)\((\w+)\)", text):
        operation.results.append((match[3], "optional" if match[1] else "one" if match[2] == "append" else "many"))
    elif "results = [operands[0].type]" in text:
        operation.like_first = True


@dataclass
class Enumerations:
    """The enumerations of a dialect.

    Attributes:
        classes: All of them.
        names: Class of each name that the bindings register for a class right after it.
        borrowed: Classes of the dialect `arith` by the kinds of its attributes, which others use too.
    """

    classes: list[type[Any]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    borrowed: dict[str, str] = field(default_factory=dict)

    def find(self, kind: str) -> str | None:
        """Returns the class of a kind of attribute.

        The names of kinds have other prefixes and suffixes than those of classes, but agree in what remains.
        """
        if kind in self.borrowed:
            return self.borrowed[kind]
        if kind in self.names:
            return self.names[kind]
        stem = stem_of(kind)
        found = {name for known, name in self.names.items() if stem_of(known) == stem}
        if len(found) > 1:
            raise SystemExit(f"the kind `{kind}` fits several enumerations: {', '.join(sorted(found))}")
        return found.pop() if found else None


def stem_of(name: str) -> str:
    """Returns what the name of an enumeration and that of its kind of attribute share."""
    return re.sub(r"(Attr|Enum|Kind|Flags)+$", "", name.rpartition("_")[2])


def read_enumerations(name: str) -> Enumerations:
    """Returns the enumerations of a dialect."""
    enumerations = Enumerations()
    if name != "arith":
        arith = read_enumerations("arith")
        kinds = {attribute.kind for operation in operations_of(name) for attribute in operation.attributes}
        kinds = {kind for kind in kinds if kind.startswith("Arith_") or kind in arith.names}
        enumerations.borrowed = {kind: found for kind in kinds if (found := arith.find(kind))}
    try:
        module = importlib.import_module(f"jaxlib.mlir.dialects._{name}_{'enums' if name == 'sdy' else 'enum'}_gen")
    except ImportError:
        return enumerations
    current = ""
    for node in ast.parse(Path(module.__file__ or "").read_text()).body:
        if isinstance(node, ast.ClassDef):
            current = node.name
            enumerations.classes.append(getattr(module, current))
            enumerations.names[current] = current
        elif isinstance(node, ast.FunctionDef) and node.decorator_list:
            call = node.decorator_list[0]
            # What is registered as text comes after all classes, in an order of its own.
            is_number = "IntegerAttr" in ast.unparse(node.body[-1])
            if is_number and isinstance(call, ast.Call) and isinstance(call.args[0], ast.Constant):
                enumerations.names[str(call.args[0].value)] = current
    return enumerations


def member(name: str) -> str:
    """Returns the name of a member of an enumeration in capitals."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name).upper().strip("_") or name


def function_name(operation: Operation) -> str:
    """Returns the name of the builder of an operation."""
    name = operation.name.partition(".")[2].replace(".", "_").replace("-", "_")
    return name + "_" if keyword.iskeyword(name) or name in ("type", "print", "tuple", "map") else name


def parameters(operation: Operation, enumerations: Enumerations) -> list[str]:
    """Returns the parameters of a builder."""
    types = {"one": "Value", "optional": "Value | None", "many": "Sequence[Value]"}
    required = [f"{snake(name)}: {types[kind]}" for name, kind in operation.operands if kind != "optional"]
    optional = [f"{snake(name)}: {types[kind]} = None" for name, kind in operation.operands if kind == "optional"]
    for attribute in operation.attributes:
        kind = annotation(attribute, enumerations)
        if attribute.unit:
            optional.append(f"{snake(attribute.name)}: bool = False")
        elif attribute.optional:
            optional.append(f"{snake(attribute.name)}: {kind if kind == 'Any' else kind + ' | None'} = None")
        else:
            required.append(f"{snake(attribute.name)}: {kind}")
    for name, kind in operation.successors:
        required.append(f"{snake(name)}: {'Block' if kind == 'one' else 'Sequence[Block]'}")
    for name, kind in operation.regions:
        if kind == "one":
            optional.append(f"{snake(name)}: Body | None = None")
            optional.append(f"{snake(name)}_arguments: Sequence[Type] = ()")
        else:
            optional.append(f"{snake(name)}: Sequence[Body] = ()")
    if operation.results:
        single = [kind for _, kind in operation.results] == ["one"]
        annotation_ = "Type" if single else "Sequence[Type]"
        name = "result_type" if single else "result_types"
        if operation.inferred:
            optional.append(f"{name}: {annotation_} | None = None")
        else:
            required.append(f"{name}: {annotation_}")
    return [*required, "*", *optional, "location: Location | None = None"]


def annotation(attribute: Attribute, enumerations: Enumerations) -> str:
    """Returns the annotation of the parameter of an attribute."""
    found = enumerations.find(attribute.kind)
    if found:
        return f"{found} | str | Attribute"
    return ANNOTATIONS.get(attribute.kind, "Any")


def render(dialect_name: str, operation: Operation, enumerations: Enumerations) -> str:
    """Returns the text of a builder."""
    kinds = [kind for _, kind in operation.results]
    single = kinds == ["one"]
    returns = "Value" if single else "tuple[Value, ...]" if kinds else "Operation"
    names = ", ".join(snake(name) for name, _ in operation.operands)
    lines = [
        f"def {function_name(operation)}(block: Block, {', '.join(parameters(operation, enumerations))}) -> {returns}:",
        docstring(dialect_name, operation),
        "    return generic(",
        "        block,",
        f'        "{operation.name}",',
        f"        ({names}{',' if len(operation.operands) == 1 else ''}),",
    ]
    if operation.attributes:
        entries = []
        for attribute in operation.attributes:
            found = enumerations.find(attribute.kind)
            kind = f'"{attribute.kind}"' if not found else f'"{attribute.kind}", {found}'
            entries.append(f'"{attribute.key}": ({kind}, {snake(attribute.name)})')
        lines.append(f"        attributes={{{', '.join(entries)}}},")
    if kinds:
        given = "result_type" if single else "result_types"
        if single:
            given = "(result_type,)" if not operation.inferred else "None if result_type is None else (result_type,)"
        lines.append(f"        result_types={given},")
    else:
        lines.append("        result_types=(),")
    if operation.like_first:
        lines.append("        like_first=True,")
    if operation.segments:
        lines.append("        segments=True,")
    if operation.successors:
        items = [f"{'*' if kind == 'many' else ''}{snake(name)}" for name, kind in operation.successors]
        lines.append(f"        successors=({', '.join(items)},),")
    if operation.regions:
        items = [
            f"({snake(name)}, {snake(name)}_arguments)" if kind == "one" else f"*((body, ()) for body in {snake(name)})"
            for name, kind in operation.regions
        ]
        lines.append(f"        regions=({', '.join(items)},),")
        if operation.name in OPTIONAL_REGIONS:
            lines.append(f"        optional_regions={OPTIONAL_REGIONS[operation.name]},")
        terminator = DIALECTS[dialect_name].terminator
        if terminator:
            lines.append(f'        terminator="{terminator}",')
    lines += ["        location=location,", f"    ){'.result' if single else '.results' if kinds else ''}"]
    return "\n".join(lines)


def summary_of(dialect_name: str, operation: Operation) -> str:
    """Returns what an operation means, or nothing if nobody has written it down."""
    summary = SUMMARIES.get(operation.name, "")
    if not summary and dialect_name == "mhlo":
        builder = getattr(stable_hlo, function_name(operation), None)
        summary = (getattr(builder, "__doc__", None) or "").partition("\n")[0]
    return summary


def refuse_wrong_summaries(names: list[str]) -> None:
    """Raises a `SystemExit` that lists the operations without a sentence, and the sentences without an operation."""
    problems: list[str] = []
    for name in names:
        operations = {item.name: item for item in operations_of(name) if item.name not in DIALECTS[name].skip}
        problems += [f"no sentence for {key}" for key, item in operations.items() if not summary_of(name, item)]
        known = {key for key in SUMMARIES if key.partition(".")[0] == name}
        problems += [f"a sentence for {key}, which does not exist" for key in sorted(known - operations.keys())]
    problems += [f"a sentence for {key}, of no dialect" for key in SUMMARIES if key.partition(".")[0] not in DIALECTS]
    if problems:
        raise SystemExit("\n".join(["`summaries/*.toml` and the bindings disagree:", *problems]))


def docstring(dialect_name: str, operation: Operation) -> str:
    """Returns the docstring of a builder."""
    summary = textwrap.wrap(summary_of(dialect_name, operation), 113, break_on_hyphens=False)
    lines = ['    """' + "\n    ".join(summary), "", "    Args:", "        block: Block to append to."]
    described = {"one": "Operand, one value.", "optional": "Optional operand.", "many": "Operands, any number."}
    optional: list[str] = []
    for name, kind in operation.operands:
        (optional if kind == "optional" else lines).append(f"        {snake(name)}: {described[kind]}")
    for attribute in operation.attributes:
        kind = "Flag." if attribute.unit else f"Attribute of kind `{attribute.kind}`."
        text = f"        {snake(attribute.name)}: {kind}"
        (optional if attribute.optional else lines).append(text)
    for name, kind in operation.successors:
        lines.append(f"        {snake(name)}: {'Block' if kind == 'one' else 'Blocks'} to continue in.")
    for index, (name, kind) in enumerate(operation.regions):
        if kind == "one":
            text = f"        {snake(name)}: Fills the region: `body(block, *arguments)`, or a region."
            is_optional = index in OPTIONAL_REGIONS.get(operation.name, ())
            optional.append(f"{text} Without it, the region has no blocks." if is_optional else text)
            optional.append(f"        {snake(name)}_arguments: Types of the arguments of the region.")
        else:
            optional.append(f"        {snake(name)}: For each region, what fills it.")
    if operation.results:
        single = [kind for _, kind in operation.results] == ["one"]
        name, text = ("result_type", "Type of the result.") if single else ("result_types", "Types of the results.")
        if operation.inferred:
            optional.append(f"        {name}: {text} Defaults to what MLIR infers.")
        else:
            lines.append(f"        {name}: {text}")
    lines += optional
    lines += ["        location: Where the operation comes from.", '    """']
    return "\n".join(lines)


def enumeration(kind: type[Any]) -> str:
    """Returns the text of an enumeration."""
    base = "IntFlag" if issubclass(kind, IntFlag) else "IntEnum"
    words = " ".join(part if part.isupper() else part.lower() for part in re.split(WORD_START, kind.__name__))
    lines = [f"class {kind.__name__}(enum.{base}):", f'    """The choices of an attribute: {words}."""', ""]
    lines += [f"    {member(name)} = {int(value)}" for name, value in kind.__members__.items()]
    return "\n".join(lines)


def operations_of(name: str) -> list[Operation]:
    """Returns the operations of a dialect that the bindings have classes for."""
    module = dialect(name)
    source = Path(module.__file__ or "").parent
    source = source if source.name == "dialects" else source.parent
    tree = ast.parse((source / f"_{name}_ops_gen.py").read_text())
    returns: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            called = [item.func for item in ast.walk(node) if isinstance(item, ast.Call)]
            returns |= {item.id: ast.unparse(node.returns) for item in called if isinstance(item, ast.Name)}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    found = [parse_operation(node, returns.get(node.name, "")) for node in classes]
    return sorted((item for item in found if item is not None), key=function_name)


def generate(name: str) -> str:
    """Returns the text of the module of a dialect."""
    settings = DIALECTS[name]
    enumerations = read_enumerations(name)
    classes = enumerations.classes
    operations = [item for item in operations_of(name) if item.name not in settings.skip]
    bodies = [enumeration(kind) for kind in sorted(classes, key=lambda kind: kind.__name__)]
    bodies += [render(name, operation, enumerations) for operation in operations]
    names = sorted([kind.__name__ for kind in classes] + [function_name(operation) for operation in operations])
    text = "\n\n\n".join(bodies)
    header = [
        f'"""{settings.title}',
        "",
        "Generated by `tools/generate_dialects.py` from the bindings; do not edit.",
        '"""',
    ]
    header += ["# ruff: noqa", "", "from __future__ import annotations", ""]
    header += (["import enum"] if classes else []) + (
        ["from collections.abc import Sequence"] if "Sequence[" in text else []
    )
    header += ["from typing import TYPE_CHECKING" + (", Any" if re.search(r"\bAny\b", text) else ""), ""]
    if "ArrayLike" in text:
        header += ["from numpy.typing import ArrayLike", ""]
    header += ["from ._generic import generic"]
    if enumerations.borrowed:
        header += [f"from .arith import {', '.join(sorted(set(enumerations.borrowed.values())))}"]
    header += ["", "if TYPE_CHECKING:"]
    imports = {
        "Integers": "from .._conversions import Integers",
        "AffineMap": "from ..affine import AffineMap",
        "Attribute": "from ..attributes import Attribute",
        "Block": "from ..blocks import Block",
        "Body": "from ..building import Body",
        "Location": "from ..locations import Location",
        "Operation": "from ..operations import Operation",
        "Type": "from ..types import Type",
        "Value": "from ..values import Value",
    }
    header += [f"    {line}" for word, line in imports.items() if re.search(rf"[ \[]{word}\b(?!`)", strip_docs(text))]
    header += ["", "__all__ = [", *(f'    "{item}",' for item in names), "]", "", ""]
    return "\n".join(header) + "\n" + text + "\n"


def strip_docs(text: str) -> str:
    """Returns Python text without docstrings."""
    return re.sub(r'""".*?"""', "", text, flags=re.S)


def main() -> None:
    """Writes the modules of the dialects that the command line names, or of all."""
    names = sys.argv[1:] or list(DIALECTS)
    refuse_wrong_summaries(names)
    for name in names:
        (TARGET / f"{DIALECTS[name].module}.py").write_text(generate(name))


if __name__ == "__main__":
    main()
