"""Keeps MLIR from inferring the types of results from operands and attributes that end the process.

When MLIR infers types, it does not look at the kinds of the operands and attributes first. So the first time that an
operation is to be inferred from operands of some types and some attributes, it is built on the side with a result of a
type that surely does not fit, and verified: the verifier checks attributes first, then operands, then results.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ryft_xla_sys.mlir import dialect, ir

from .diagnostics import translate
from .errors import BuildError

if TYPE_CHECKING:
    from .context import Context

__all__ = ["check_inference", "check_operands"]

_LIMIT = 4096
_SAFE = frozenset(
    f"stablehlo.{name}"
    for name in [
        "add",
        "and",
        "atan2",
        "cbrt",
        "ceil",
        "cosine",
        "count_leading_zeros",
        "divide",
        "exponential",
        "exponential_minus_one",
        "floor",
        "log",
        "log_plus_one",
        "logistic",
        "maximum",
        "minimum",
        "multiply",
        "negate",
        "not",
        "or",
        "popcnt",
        "power",
        "remainder",
        "round_nearest_afz",
        "round_nearest_even",
        "rsqrt",
        "shift_left",
        "shift_right_arithmetic",
        "shift_right_logical",
        "sign",
        "sine",
        "sqrt",
        "subtract",
        "tan",
        "tanh",
        "xor",
    ]
)
"""Operations whose results are like their operands: MLIR infers those from operands of any types."""
_NEVER = frozenset({"gpu.subgroup_mma_extract_thread_local", "mhlo.uniform_dequantize", "mpmd.unassign"})
"""Operations that end the process although the verifier accepts their operands."""
_RETURNS = frozenset({"stablehlo.return", "mhlo.return"})
_PAIRS = frozenset({"stablehlo.reduce", "stablehlo.reduce_window", "mhlo.reduce", "mhlo.reduce_window"})
_SOME = frozenset(
    f"{dialect_name}.{name}" for dialect_name in ("stablehlo", "mhlo") for name in ("all_to_all", "concatenate", "map")
)
_RETURNED = (ir.RankedTensorType, ir.MemRefType, ir.TupleType)
_Token: Any = dialect("stablehlo").TokenType
_ABOUT_INPUTS = re.compile(
    r"operand #|operand\(s\)|attribute '|requires attribute|expected \d+ (?:or more )?operands"
    r"|requires (?:a single|zero) operand|operand group|operand_?[sS]egment|[Ii]nvalid attribute|property"
)
_RESULT_COUNT = re.compile(r"(?:requires|expected) (\d+|one|zero) (?:or more )?results?")
_NUMBERS = {"one": 1, "zero": 0}
_result_counts: dict[str, int] = {}


def check_inference(
    context: Context, name: str, operands: Sequence[Any], attributes: Mapping[str, Any] | None, regions: int = 0
) -> None:
    """Raises if MLIR must not infer the types of the results of an operation, because that could end the process.

    Args:
        context: Context of the operation.
        name: Full name of the operation.
        operands: Operands, as objects of the bindings.
        attributes: Attributes, as objects of the bindings.
        regions: Number of regions.

    Raises:
        BuildError: If so; it says what is wrong with which operand or attribute.
    """
    if name in _SAFE:
        return
    check_operands(name, operands)
    key = (name, *[operand.type for operand in operands], *(attributes or {}).items())
    checked = context._inferable
    if key in checked:
        return
    if name in _NEVER:
        raise BuildError(f"`{name}` expected the types of its results to be given, because MLIR cannot infer them")
    with _Quiet(context):
        _probe(context, name, operands, attributes, regions)
    if len(checked) >= _LIMIT:
        checked.clear()
    checked.add(key)


def check_operands(name: str, operands: Sequence[Any]) -> None:
    """Raises if the verifier would end the process on an operation of these operands, whatever its results are.

    Raises:
        BuildError: If so.
    """
    kinds = [operand.type for operand in operands]
    if name in _RETURNS and not all(isinstance(kind, _RETURNED) or _Token.isinstance(kind) for kind in kinds):
        raise BuildError(f"`{name}` expected ranked tensors, but got ({', '.join(str(kind) for kind in kinds)})")
    if name in _PAIRS and (not kinds or len(kinds) % 2):
        raise BuildError(f"`{name}` expected as many initial values as inputs, but got {len(kinds)} operands in all")
    if name in _SOME and not kinds:
        raise BuildError(f"`{name}` expected at least one operand, but got none")


class _Quiet:
    """Keeps what MLIR reports inside a `with` block from the handlers of a context."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> None:
        if self._context._handlers:
            self._context._raw.emit_error_diagnostics = False

    def __exit__(self, *_: object) -> None:
        if self._context._handlers:
            self._context._raw.emit_error_diagnostics = True


def _probe(
    context: Context, name: str, operands: Sequence[Any], attributes: Mapping[str, Any] | None, regions: int
) -> None:
    nothing = ir.NoneType.get(context._raw)
    while True:
        types = [nothing] * _result_counts.get(name, 1)
        raw = None
        try:
            raw = ir.Operation.create(
                name, types, list(operands), attributes, None, regions, context._unknown, False, False
            )
            raw.operation.verify()
        except ir.MLIRError as error:
            message = error.error_diagnostics[0].message if error.error_diagnostics else str(error)
            count = _RESULT_COUNT.search(message)
            wanted = None if count is None else _NUMBERS.get(count[1]) if count[1] in _NUMBERS else int(count[1])
            if wanted is not None and wanted != len(types):
                _result_counts[name] = wanted
                continue
            if raw is None or _ABOUT_INPUTS.search(message):
                kinds = ", ".join(str(operand.type) for operand in operands)
                raise translate(error, BuildError, f"cannot build `{name}` of ({kinds})") from None
        finally:
            if raw is not None:
                raw.operation.erase()
        return
