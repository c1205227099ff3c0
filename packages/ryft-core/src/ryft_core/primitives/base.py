"""What a primitive is: one class that holds all of its rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from ryft_core._native import PrimitiveBase
from ryft_core.errors import DifferentiationError
from ryft_core.programs.programs import Program

if TYPE_CHECKING:
    from ryft_core.lowering import Builder
    from ryft_core.types.array_types import ArrayType

__all__ = ["PRIMITIVES", "Primitive"]

PRIMITIVES: dict[str, type[Primitive]] = {}
"""Every primitive by name."""


@dataclass_transform(frozen_default=True, eq_default=False)
@dataclass(init=False, repr=False, eq=False)
class Primitive(PrimitiveBase):
    """An operation on arrays that traces can process, with its rules side by side.

    A subclass is a dataclass whose fields are the operation's static parameters, so that applications of it can be
    compared, hashed and printed; they cannot be assigned to. It has these rules as methods: `infer` (types), `lower`
    (StableHLO), `batch` (`vmap`), `jvp` (forward derivative, unless `differentiable` is false) and, if `linear` is
    true, `transpose` (reverse derivative). A subclass that lacks one is refused when it is defined.
    """

    name: ClassVar[str]
    multiple_results: ClassVar[bool] = False
    """Whether applying the primitive gives a tuple of results rather than one array."""
    differentiable: ClassVar[bool] = True
    """Whether the primitive has a derivative; one that has not gives results whose tangents are zero."""
    linear: ClassVar[bool] = False
    """Whether the primitive is linear in some of its operands, and so can be transposed."""
    exact: ClassVar[str] = ""
    """Kinds of element types for which the rule `reference` gives the same bits as the compiled primitive."""
    rounds: ClassVar[bool] = False
    """Whether results that are floating-point numbers are rounded."""
    pure: ClassVar[bool] = True
    """Whether an application whose results are not used can be dropped, and two equal ones merged."""

    calls_back: ClassVar[bool] = False
    """Whether applying the primitive in a compiled program calls a Python function."""
    in_kernel: ClassVar[bool] = False
    """Whether XLA's CPU compiler makes straight code of it, which can be a part of the kernel of a small loop."""
    is_loop: ClassVar[bool] = False
    """Whether it is lowered to a loop."""

    def __init_subclass__(cls, *, abstract: bool = False) -> None:
        # Most primitives inherit all their parameters. No method is generated: compiling its text takes a millisecond.
        if any("ClassVar" not in str(annotation) for annotation in vars(cls).get("__annotations__", {}).values()):
            dataclass(init=False, repr=False, eq=False)(cls)
        if abstract:
            return
        missing = [rule for rule in _required_rules(cls) if getattr(cls, rule) is getattr(Primitive, rule)]
        if missing:
            raise TypeError(f"primitive `{cls.name}` has no rule for: {', '.join(missing)}")
        other = PRIMITIVES.get(cls.name)
        if other is not None:
            raise TypeError(f"primitive `{cls.name}` is already defined in `{other.__module__}`")
        PRIMITIVES[cls.name] = cls

    def __init__(self, *values: Any, **named: Any) -> None:
        names = self.__match_args__
        if named or len(values) != len(names):
            values = _parameters(type(self), values, named)
        self.__dict__.update(zip(names, values, strict=True))

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self.__dict__ == other.__dict__)

    def __hash__(self) -> int:
        values = tuple(self.__dict__.values())
        return hash((type(self), values)) if values else hash(type(self))

    def infer(self, *types: ArrayType) -> Any:
        """Returns the type of the result (a tuple of types, for several) for operands of `types`.

        Raises:
            ShapeError: If the shapes do not fit.
            DataTypeError: If the element types do not fit.
        """
        raise NotImplementedError

    def lower(self, builder: Builder, *operands: Any) -> Any:
        """Appends StableHLO for one application to `builder.block` and returns its result value, or a tuple of them."""
        raise NotImplementedError

    def jvp(self, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        """Returns the results and their tangents. A tangent, in or out, may be a symbolic `Zero`."""
        raise NotImplementedError

    def transpose(self, cotangents: Any, operands: tuple[Any, ...]) -> Sequence[Any]:
        """Returns the cotangent of each operand: an array for a `Linear` operand, `None` for one that is known.

        `cotangents` is the cotangent of the result (for several results a tuple, whose elements may be `Zero`).
        """
        raise DifferentiationError(f"`{self.name}` cannot be transposed: it is not linear in its operands")

    def batch(self, size: int, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        """Returns the results for operands that carry a mapped axis of length `size`, and where the results carry it.

        `axes` holds the position of the mapped axis in each operand, or `None` for an operand that has none.
        """
        raise NotImplementedError

    def uses_axis(self, name: object) -> bool:
        """Returns whether the primitive communicates along the mapped axis called `name`."""
        return False

    def batch_collective(self, trace: Any, operands: tuple[Any, ...], axes: tuple[int | None, ...]) -> tuple[Any, Any]:
        """As `batch`, for a primitive that communicates along the axis that `trace` maps."""
        raise NotImplementedError

    def evaluate(self, operands: tuple[Any, ...]) -> Any:
        """Applies the primitive to concrete arrays at once. The default runs a compiled kernel, or `reference`."""
        from ryft_core.tracing.evaluation import run_eagerly  # evaluation needs primitives

        return run_eagerly(self, operands)

    def partial(self, trace: Any, operands: tuple[Any, ...]) -> Any:
        """Splits an application with some unknown operands, for `linearize`. The default defers all of it."""
        return trace.record(self, operands)

    def programs(self) -> Iterator[Program]:
        """Yields the programs among the static parameters."""
        for field in fields(self):  # pyright: ignore[reportArgumentType] (subclasses are dataclasses)
            value = getattr(self, field.name)
            if isinstance(value, Program):
                yield value
            elif isinstance(value, tuple):
                yield from (item for item in value if isinstance(item, Program))

    def called_program(self) -> Program | None:
        """Returns the program that applying this primitive is the same as evaluating, if it is one."""
        return None

    def fits_kernel(self, operands: Sequence[ArrayType], results: Sequence[ArrayType]) -> bool:
        """Returns whether, with these types, it can be a part of the kernel of a loop and is no slower there."""
        return self.in_kernel

    def text(self) -> str:
        """Returns the name and the static parameters, for people."""
        parts: list[str] = []
        for field in fields(self):  # pyright: ignore[reportArgumentType]
            value = getattr(self, field.name)
            nested = isinstance(value, Program) or (
                isinstance(value, tuple) and any(isinstance(v, Program) for v in value)
            )
            if not nested:
                parts.append(f"{field.name}={value}")
        return f"{self.name}[{', '.join(parts)}]" if parts else self.name

    def __repr__(self) -> str:
        values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))  # pyright: ignore[reportArgumentType]
        return f"{type(self).__name__}({values})"


def _parameters(cls: type[Primitive], values: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """Returns the value of each parameter of a primitive, from those given by position and by name."""
    known = {field.name: field.default for field in fields(cls)}  # pyright: ignore[reportArgumentType]
    given = dict(zip(known, values, strict=False))
    wrong = len(values) > len(known) or not named.keys() <= known.keys() or bool(named.keys() & given.keys())
    found = {**known, **given, **named}
    if wrong or MISSING in found.values():
        raise TypeError(
            f"`{cls.__name__}` expected the parameters ({', '.join(known)}), but got {len(values)} by position"
            + (f" and {', '.join(named)} by name" if named else "")
        )
    return tuple(found[name] for name in known)


def _required_rules(cls: type[Primitive]) -> list[str]:
    rules = ["infer", "lower", "batch"]
    if cls.differentiable:
        rules.append("jvp")
    if cls.linear:
        rules.append("transpose")
    return rules
