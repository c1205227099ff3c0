"""Operations of StableHLO that hold programs: loops, branches, reductions, windows, sorting and scattering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ..._arguments import array
from ..._conversions import Integers, boolean, given, integer, integer_array, integer_pairs
from ...attributes import Attribute
from ...blocks import Region
from ...building import Body, Values, build_operation, build_with_regions, context_of
from ...errors import BuildError
from ...types import ShapedType, TensorType, Type
from ...values import Value, type_of

if TYPE_CHECKING:
    from ...blocks import Block
    from ...context import Context
    from ...locations import Location
    from ...operations import Operation

__all__ = [
    "case",
    "if_",
    "map",
    "reduce",
    "reduce_window",
    "return_",
    "scatter",
    "select_and_scatter",
    "sort",
    "while_",
]


def return_(block: Block, values: Value | Sequence[Value] = (), *, location: Location | None = None) -> Operation:
    """Ends a region and hands on `values`. The builders of this module append it for you.

    The values are tensors, tokens or tuples of the types that the operation around the region expects.

    Raises:
        BuildError: If a value is neither a ranked tensor, a buffer, a token nor a tuple.

    Specification: none (part of the operations with regions).
    """
    operands = (values,) if isinstance(values, Value) else values
    return build_operation(block, "stablehlo.return", operands, None, (), location=location)


def while_(
    block: Block, operands: Sequence[Value], condition: Body, body: Body, *, location: Location | None = None
) -> tuple[Value, ...]:
    """Runs `body` on the operands for as long as `condition` holds, and returns the last values.

    Operands and results have the same types: tensors, tokens or tuples.

    Args:
        block: Block to append to.
        operands: The values before the first step.
        condition: `condition(block, *values)` returns a boolean scalar: whether to take another step.
        body: `body(block, *values)` returns the values after a step, with the same types.
        location: Where the operation comes from.

    Raises:
        BuildError: If `condition` returns anything but one tensor.

    Specification: `while`.
    """
    types = [type_of(operand) for operand in array(operands, "`while_`", "values")]

    bodies = [(_decision(condition, "the condition of `stablehlo.while`"), types), (body, types)]
    operation = build_with_regions(
        block, "stablehlo.while", operands, None, bodies, result_types=types, location=location
    )
    return operation.results


def if_(
    block: Block,
    predicate: Value,
    on_true: Body,
    on_false: Body,
    *,
    result_types: Sequence[Type] | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Runs one of two programs and returns its values.

    Both programs return values of the same types, which are those of the results.

    Args:
        block: Block to append to.
        predicate: Boolean scalar.
        on_true: `on_true(block)` returns the values if `predicate` holds; it may use values from outside.
        on_false: `on_false(block)` returns values of the same types if it does not.
        result_types: Types of the results. Defaults to what the first program returns.
        location: Where the operation comes from.

    Specification: `if`.
    """
    bodies = [(on_true, ()), (on_false, ())]
    operation = build_with_regions(
        block,
        "stablehlo.if",
        (predicate,),
        None,
        bodies,
        result_types=result_types,
        results_of_body=tuple,
        location=location,
    )
    return operation.results


def case(
    block: Block,
    index: Value,
    branches: Sequence[Body],
    *,
    result_types: Sequence[Type] | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Runs the program whose number is the scalar `index`, or the last one if there is none, and returns its values.

    All branches return values of the same types, which are those of the results.

    Args:
        block: Block to append to.
        index: Scalar of 32 bits.
        branches: Each `branch(block)` returns values of the same types; it may use values from outside.
        result_types: Types of the results. Defaults to what the first program returns.
        location: Where the operation comes from.

    Raises:
        ValueError: If there are no branches.

    Specification: `case`.
    """
    bodies = [(branch, ()) for branch in array(branches, "`case`", "branches")]
    if not bodies:
        raise ValueError("`case` expected at least one branch, but got none")
    operation = build_with_regions(
        block,
        "stablehlo.case",
        (index,),
        None,
        bodies,
        result_types=result_types,
        results_of_body=tuple,
        location=location,
    )
    return operation.results


def reduce(
    block: Block,
    inputs: Value | Sequence[Value],
    initial_values: Value | Sequence[Value],
    dimensions: Integers,
    body: Body,
    *,
    result_types: Sequence[Type] | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Combines all elements along `dimensions`, and returns one tensor for each input.

    Each initial value is a scalar with the element type of its input, or one that it can be promoted to. A result has
    the shape of the inputs without `dimensions`.

    Args:
        block: Block to append to.
        inputs: Tensors of one shape.
        initial_values: For each input, the scalar that the reduction starts with.
        dimensions: Dimensions that disappear.
        body: `body(block, *accumulators, *elements)` returns the new accumulators, all scalars. The order of evaluation
            is not fixed, so it should be associative.
        result_types: Types of the results. Defaults to what StableHLO infers.
        location: Where the operation comes from.

    Raises:
        BuildError: If there are not as many initial values as inputs.

    Specification: `reduce`.
    """
    tensors, starts = _tuple(inputs, "`reduce`"), _tuple(initial_values, "`reduce`")
    context = context_of(block)
    attributes = {"dimensions": integer_array(context, dimensions)}
    types = [type_of(start) for start in starts]
    operation = build_with_regions(
        block,
        "stablehlo.reduce",
        (*tensors, *starts),
        attributes,
        [(body, types * 2)],
        result_types=result_types,
        location=location,
    )
    return operation.results


def reduce_window(
    block: Block,
    inputs: Value | Sequence[Value],
    initial_values: Value | Sequence[Value],
    window_dimensions: Integers,
    body: Body,
    *,
    window_strides: Integers | None = None,
    base_dilations: Integers | None = None,
    window_dilations: Integers | None = None,
    padding: ArrayLike | Attribute | None = None,
    result_types: Sequence[Type] | None = None,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Combines the elements in each window that slides over the inputs, and returns one tensor for each input.

    Each initial value is a scalar with the element type of its input, or one that it can be promoted to. All sizes,
    steps and distances are positive, one for each dimension.

    Args:
        block: Block to append to.
        inputs: Tensors of one shape.
        initial_values: For each input, the scalar that the reduction starts with; it also fills the padding.
        window_dimensions: Sizes of the window.
        body: `body(block, *accumulators, *elements)` returns the new accumulators, all scalars.
        window_strides: Steps of the window. Default 1.
        base_dilations: Distances between neighbouring elements of the inputs. Default 1.
        window_dilations: Distances between neighbouring elements of the window. Default 1.
        padding: For each dimension, how many elements to add before and after. Default none.
        result_types: Types of the results. Defaults to what StableHLO infers.
        location: Where the operation comes from.

    Raises:
        BuildError: If there are not as many initial values as inputs.
        ValueError: If `padding` has not two columns.

    Specification: `reduce_window`.
    """
    tensors, starts = _tuple(inputs, "`reduce_window`"), _tuple(initial_values, "`reduce_window`")
    context = context_of(block)
    attributes = {"window_dimensions": integer_array(context, window_dimensions)}
    optional = {
        "window_strides": window_strides,
        "base_dilations": base_dilations,
        "window_dilations": window_dilations,
    }
    attributes.update({key: integer_array(context, value) for key, value in optional.items() if value is not None})
    if padding is not None:
        attributes["padding"] = integer_pairs(context, padding)
    operation = build_with_regions(
        block,
        "stablehlo.reduce_window",
        (*tensors, *starts),
        attributes,
        [(body, [type_of(start) for start in starts] * 2)],
        result_types=result_types,
        location=location,
    )
    return operation.results


def select_and_scatter(
    block: Block,
    operand: Value,
    source: Value,
    initial_value: Value,
    select: Body,
    scatter: Body,
    *,
    window_dimensions: Integers | None = None,
    window_strides: Integers | None = None,
    padding: ArrayLike | Attribute | None = None,
    location: Location | None = None,
) -> Value:
    """Adds each element of `source` to the element of `operand` that `select` chose in its window.

    `source` has one element for each position of the window, and `initial_value` is a scalar; both have the element
    type of `operand`, and the result has its type.

    Args:
        block: Block to append to.
        operand: Tensor that windows slide over.
        source: One element for each window.
        initial_value: Scalar that fills the result before anything is scattered.
        select: `select(block, chosen, element)` returns whether to keep `chosen`.
        scatter: `scatter(block, accumulator, element)` returns the new accumulator.
        window_dimensions: Sizes of the window. Default 1.
        window_strides: Steps of the window. Default 1.
        padding: For each dimension, how many elements to add before and after. Default none.
        location: Where the operation comes from.

    Raises:
        BuildError: If `select` returns anything but one tensor.
        TypeError: If `operand` is no tensor.
        ValueError: If `padding` has not two columns.

    Specification: `select_and_scatter`.
    """
    context = context_of(block)
    attributes: dict[str, Any] = {}
    optional = {"window_dimensions": window_dimensions, "window_strides": window_strides}
    attributes.update({key: integer_array(context, value) for key, value in optional.items() if value is not None})
    if padding is not None:
        attributes["padding"] = integer_pairs(context, padding)
    element = _scalar(context, operand)
    selection = _decision(select, "the selection of `stablehlo.select_and_scatter`")
    bodies = [(selection, [element] * 2), (scatter, [element] * 2)]
    operation = build_with_regions(
        block, "stablehlo.select_and_scatter", (operand, source, initial_value), attributes, bodies, location=location
    )
    return operation.results[0]


def sort(
    block: Block,
    inputs: Value | Sequence[Value],
    dimension: int,
    comparator: Body,
    *,
    is_stable: bool = False,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Sorts tensors of one shape together along `dimension`.

    The results have the types of the inputs.

    Args:
        block: Block to append to.
        inputs: Tensors of one shape.
        dimension: Dimension to sort along; a negative one counts from the end.
        comparator: `comparator(block, first0, second0, first1, second1, ...)`, two scalars for each input, returns
            whether the first group comes before the second.
        is_stable: Whether equal elements keep their order.
        location: Where the operation comes from.

    Raises:
        BuildError: If `comparator` returns anything but one tensor.
        TypeError: If an input is no tensor.

    Specification: `sort`.
    """
    tensors = _tuple(inputs, "`sort`")
    context = context_of(block)
    attributes = {"dimension": integer(context, dimension), "is_stable": boolean(context, is_stable)}
    types = [scalar for tensor in tensors for scalar in [_scalar(context, tensor)] * 2]
    result_types = [tensor.type for tensor in tensors]
    operation = build_with_regions(
        block,
        "stablehlo.sort",
        tensors,
        attributes,
        [(_decision(comparator, "the comparator of `stablehlo.sort`"), types)],
        result_types=result_types,
        location=location,
    )
    return operation.results


def scatter(
    block: Block,
    inputs: Value | Sequence[Value],
    scatter_indices: Value,
    updates: Value | Sequence[Value],
    dimensions: Attribute,
    body: Body,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    location: Location | None = None,
) -> tuple[Value, ...]:
    """Combines updates with the elements of the inputs that indices point to, and returns the new tensors.

    `scatter_indices` holds integers; each of `updates` has the element type of its input, and each result the type of
    its input.

    Args:
        block: Block to append to.
        inputs: Tensors of one shape.
        scatter_indices: Where the updates go; updates that do not fit inside are dropped.
        updates: One tensor for each input.
        dimensions: How indices and updates are laid out, see `scatter_dimensions`.
        body: `body(block, *elements, *updates)` returns the new elements, all scalars.
        indices_are_sorted: Promises that the indices are sorted.
        unique_indices: Promises that no two indices are equal.
        location: Where the operation comes from.

    Raises:
        TypeError: If an input or update is no tensor.

    Specification: `scatter`.
    """
    tensors, new = _tuple(inputs, "`scatter`"), _tuple(updates, "`scatter`")
    context = context_of(block)
    attributes = {
        "scatter_dimension_numbers": given(context, dimensions),
        "indices_are_sorted": boolean(context, indices_are_sorted),
        "unique_indices": boolean(context, unique_indices),
    }
    types = [_scalar(context, tensor) for tensor in (*tensors, *new)]
    operation = build_with_regions(
        block,
        "stablehlo.scatter",
        (*tensors, scatter_indices, *new),
        attributes,
        [(body, types)],
        result_types=[tensor.type for tensor in tensors],
        location=location,
    )
    return operation.results


def map(  # noqa: A001
    block: Block,
    inputs: Sequence[Value],
    dimensions: Integers,
    body: Body,
    *,
    result_type: Type | None = None,
    location: Location | None = None,
) -> Value:
    """Applies `body(block, *elements)` to the elements of tensors of one shape.

    The inputs have one shape, which the result has too; `dimensions` lists all of theirs in order, and `body` returns
    one scalar.

    Raises:
        BuildError: If there are no inputs.
        TypeError: If an input is no tensor.

    Specification: `map`.
    """
    context = context_of(block)
    attributes = {"dimensions": integer_array(context, dimensions)}
    tensors = array(inputs, "`map`", "values")
    if not tensors:
        raise BuildError("`stablehlo.map` expected at least one operand, but got none")
    bodies = [(body, [_scalar(context, tensor) for tensor in tensors])]
    types = None if result_type is None else [result_type]

    def results_of_body(scalars: Sequence[Type]) -> Sequence[Type]:
        shaped = type_of(tensors[0])
        shape = shaped.shape if isinstance(shaped, ShapedType) else ()
        return [context.tensor_type(shape, item.element_type) for item in scalars if isinstance(item, ShapedType)]

    operation = build_with_regions(
        block,
        "stablehlo.map",
        tensors,
        attributes,
        bodies,
        result_types=types,
        results_of_body=results_of_body,
        location=location,
    )
    return operation.results[0]


def _decision(body: Body, subject: str) -> Body:
    """Returns a body that refuses to end with anything but one tensor: MLIR's verifier would end the process.

    Raises:
        BuildError: If a region does not end so; the body that is returned raises it too.
    """
    if isinstance(body, Region):
        for inner in body.blocks:
            end = inner.terminator
            if end is not None:
                _check_decision([operand.type for operand in end.operands], end, subject)
        return body
    if not callable(body):
        return body

    def decide(inner: Block, *values: Value) -> Values:
        decision = body(inner, *values)
        found = () if decision is None else _tuple(decision, subject)
        _check_decision([type_of(value) for value in found], decision, subject)
        return found

    return decide


def _check_decision(types: Sequence[Type], decision: object, subject: str) -> None:
    if len(types) != 1 or not isinstance(types[0], TensorType):
        raise BuildError(f"{subject} expected one boolean scalar, but returned {decision!r}")


def _tuple(values: Value | Sequence[Value], subject: str) -> tuple[Value, ...]:
    return (values,) if isinstance(values, Value) else tuple(array(values, subject, "values"))


def _scalar(context: Context, tensor: Value) -> Type:
    tensor_type = type_of(tensor)
    if not isinstance(tensor_type, ShapedType):
        raise TypeError(f"expected a tensor, but got `{tensor_type}`")
    return context.tensor_type((), tensor_type.element_type)
