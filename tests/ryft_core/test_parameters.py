"""Tests of parameterized classes: fields, construction, freezing, inheritance, generics, and their structure."""

from __future__ import annotations

import copy
import dataclasses
import doctest
import enum
import gc
import inspect
import pickle
import weakref
from collections.abc import Callable
from typing import Any, ClassVar, Generic, Literal, TypeVar

import jax
import numpy
import pytest

from ryft_core import trees
from ryft_core.errors import StructureError
from ryft_core.parameters import (
    FrozenParametersError,
    ParameterizedClassError,
    classes,
    parameter,
    parameterized,
    replace,
    static,
)
from ryft_core.trees import builders

T = TypeVar("T")


class Mode(enum.Enum):
    FAST = "fast"
    EXACT = "exact"


@parameterized
class Linear:
    weight: Any
    bias: Any = None
    features: int = 2
    activation: Callable[..., Any] = numpy.tanh


@parameterized
class Network:
    layers: list[Any]
    head: Linear
    scale: float = 1.0
    name: str = static(default="network")


@parameterized
class Custom:
    weight: Any
    width: int

    def __init__(self, width: int) -> None:
        self.weight = numpy.ones(width)
        self.width = width


@parameterized
class Wider(Custom):
    bias: Any

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.bias = numpy.zeros(width)


@parameterized
class Renamed(Custom):
    def double(self) -> Any:
        return 2 * self.weight


@parameterized
class Pair(Generic[T]):
    first: T
    second: T


@dataclasses.dataclass(frozen=True)
class Existing:
    weight: Any
    count: int = dataclasses.field(default=1, metadata={"static": False})


parameterized(Existing)


def make_network() -> Network:
    return Network([Linear(1.0), numpy.sin, Linear(2.0, 3.0)], Linear(4.0), 5.0)


def test_docstrings_hold() -> None:
    assert doctest.testmod(classes).failed == 0


# --- structure --------------------------------------------------------------------------------------------------------


def test_leaves_and_paths_of_nested_classes() -> None:
    leaves, structure = trees.flatten(make_network())

    assert leaves == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [str(path) for path in structure.paths] == [
        "layers[0].weight",
        "layers[2].weight",
        "layers[2].bias",
        "head.weight",
        "scale",
    ]


@pytest.mark.parametrize(
    "change",
    [("head.features", 3), ("head.activation", numpy.sin), ("name", "other"), ("head.bias", 1.0), ("layers", (1.0,))],
    ids=lambda change: change[0],
)
def test_everything_but_leaves_belongs_to_the_structure(change: tuple[str, Any]) -> None:
    network = make_network()

    assert trees.structure(network) == trees.structure(make_network())
    assert trees.structure(network) != trees.structure(replace(network, *change))
    assert trees.structure(network) == trees.structure(replace(network, "scale", 6.0))


def test_unflatten_does_not_call_init() -> None:
    custom = Custom(3)
    structure = trees.structure(custom)
    object.__setattr__(custom, "__init__", None)
    rebuilt = structure.unflatten(["anything"])

    assert (rebuilt.weight, rebuilt.width, type(rebuilt)) == ("anything", 3, Custom)


@pytest.mark.parametrize(
    ("annotation", "value", "is_leaf"),
    [
        (int, 1, False),
        (bool, True, False),
        (str, "a", False),
        (int | None, 1, False),
        (tuple[int, ...], (1, 2), False),
        (tuple[int, str], (1, "a"), False),
        (Literal["a", "b"], "a", False),
        (Mode, Mode.FAST, False),
        (type[int], int, False),
        ("int", 1, False),
        ("Unknown", 1, True),
        (float, 1.0, True),
        (complex, 1j, True),
        (Any, 1, True),
        (int | float, 1, True),
        (list[int], [1], True),
        (Any, "a", False),
        (Any, Mode.FAST, False),
        (Any, numpy.float32, False),
        (Any, numpy.float32(1), True),
    ],
    ids=str,
)
def test_annotation_and_value_decide_what_is_static(annotation: Any, value: Any, is_leaf: bool) -> None:
    cls: Any = parameterized(type("Sample", (), {"__annotations__": {"field": annotation}}))
    instance = cls(value)

    assert trees.leaves(instance) == (trees.leaves(value) if is_leaf else [])
    assert trees.map(lambda x: x, instance).field == value


def test_parameter_overrides_the_annotation_and_static_the_value() -> None:
    @parameterized
    class State:
        step: int = parameter(default=0)
        rate: float = static(default=0.1)

    leaves, structure = trees.flatten(State(3))

    assert leaves == [3]
    assert repr(structure).endswith("State(step=*, rate=0.1))")


def test_labels_in_the_place_of_leaves_keep_the_structure() -> None:
    network = make_network()
    labels = trees.map_with_path(lambda path, _: str(path), network)

    assert labels.layers[2].bias == "layers[2].bias"
    assert trees.structure(labels) == trees.structure(network)
    assert trees.map(lambda x, label: (x, label), network, labels).scale == (5.0, "scale")
    assert trees.structure(replace(labels, "scale", "other")) == trees.structure(network)
    assert trees.structure(pickle.loads(pickle.dumps(labels))) == trees.structure(network)


def test_generic_class() -> None:
    pair = Pair[int](1, 2)

    assert trees.map(lambda x: x + 1, pair).second == 3
    assert trees.structure(Pair[str]([], ())) == trees.structure(Pair([], ()))


def test_class_variables_are_no_fields() -> None:
    @parameterized
    class Model:
        weight: Any
        registry: ClassVar[list[int]] = []

    assert trees.leaves(Model(1)) == [1]


def test_class_with_shape_and_dtype_is_a_container_and_no_array() -> None:
    @parameterized
    class Quantized:
        values: Any
        scale: Any

        @property
        def shape(self) -> tuple[int, ...]:
            return self.values.shape

        @property
        def dtype(self) -> Any:
            return self.scale.dtype

    assert len(trees.leaves(Quantized(numpy.ones(2), numpy.ones(1)))) == 2


def test_class_without_fields() -> None:
    @parameterized
    class Activation:
        def __call__(self, x: float) -> float:
            return x

    assert trees.map(lambda x: x, Activation())(3.0) == 3.0
    assert trees.leaves(Activation()) == []


# --- construction -----------------------------------------------------------------------------------------------------


def test_generated_init_has_a_signature() -> None:
    assert str(inspect.signature(Linear)).startswith("(weight: 'Any', bias: 'Any' = None, features: 'int' = 2")
    assert list(inspect.signature(Custom).parameters) == ["width"]


def test_keyword_only_init() -> None:
    @parameterized(kw_only=True)
    class Model:
        weight: Any
        bias: Any = parameter(default_factory=lambda: 2.0)

    assert trees.leaves(Model(weight=1.0)) == [1.0, 2.0]
    with pytest.raises(TypeError, match="positional argument"):
        Model(1.0)  # pyright: ignore


def test_custom_init_of_base_and_subclass() -> None:
    wider = Wider(2)

    assert [leaf.tolist() for leaf in trees.leaves(wider)] == [[1.0, 1.0], [0.0, 0.0]]
    assert Renamed(3).double().tolist() == [2.0, 2.0, 2.0]


def test_post_init_may_set_fields() -> None:
    @parameterized
    class Normalized:
        weight: Any
        total: Any = parameter(init=False)

        def __post_init__(self) -> None:
            self.total = sum(self.weight)

    assert trees.leaves(Normalized((1.0, 2.0))) == [1.0, 2.0, 3.0]


def test_flattening_within_init_does_not_remember_an_incomplete_instance() -> None:
    @parameterized
    class Counted:
        weight: Any
        count: Any = None

        def __post_init__(self) -> None:
            self.count = float(len(trees.leaves(self)))

    assert trees.leaves(Counted((1.0, 2.0))) == [1.0, 2.0, 2.0]


def test_init_that_forgets_a_field_is_an_error() -> None:
    @parameterized
    class Forgetful:
        weight: Any
        bias: Any

        def __init__(self) -> None:
            self.weight = 1

    with pytest.raises(ParameterizedClassError, match=r"Forgetful.__init__` did not set `bias`"):
        Forgetful()


def test_init_that_sets_an_unknown_field_is_an_error() -> None:
    @parameterized
    class Sloppy:
        weight: Any

        def __init__(self) -> None:
            self.wieght = 1  # pyright: ignore

    with pytest.raises(ParameterizedClassError, match="has no field `wieght`") as caught:
        Sloppy()
    assert "annotate it in the body of the class" in caught.value.__notes__[0]


def test_property_setter_may_be_used_in_init() -> None:
    @parameterized
    class Model:
        weight: Any

        def __init__(self) -> None:
            self.half = 1.0

        @property
        def half(self) -> Any:
            return self.weight / 2

        @half.setter
        def half(self, value: Any) -> None:
            self.weight = 2 * value

    assert trees.leaves(Model()) == [2.0]


def test_static_field_with_an_array_is_an_error() -> None:
    @parameterized
    class Model:
        weight: Any = static()

    with pytest.raises(
        ParameterizedClassError, match=r"Model.weight` is a static field, but got an array of shape \(2,\)"
    ):
        Model(numpy.ones(2))


@pytest.mark.parametrize("value", [numpy.ones(()), jax.numpy.ones(())], ids=["numpy", "jax"])
def test_static_field_of_a_dataclass_with_an_array_is_an_error(value: Any) -> None:
    @dataclasses.dataclass
    class Model:
        step: int

    with pytest.raises(StructureError, match=r"`\[0\]\.step` is a static field of `.*Model`, but"):
        trees.flatten([Model(value)])


def test_array_that_hides_in_a_static_field_by_being_hashable_is_an_error() -> None:
    class Hashable:
        shape = ()
        dtype = numpy.dtype("float32")

    @dataclasses.dataclass
    class Model:
        step: int

    with pytest.raises(
        StructureError, match=r"`step` is a static field of `.*Model`, but holds an array of shape \(\)"
    ) as caught:
        trees.flatten(Model(Hashable()))  # pyright: ignore[reportArgumentType]
    assert "or use `parameter()`" in caught.value.__notes__[0]


# --- freezing ---------------------------------------------------------------------------------------------------------


def test_instances_are_frozen() -> None:
    linear = Linear(1.0)

    with pytest.raises(
        FrozenParametersError, match="cannot assign to `weight`: instances of `Linear` are frozen"
    ) as caught:
        linear.weight = 2.0  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(FrozenParametersError, match="cannot delete `weight`"):
        del linear.weight
    assert caught.value.__notes__ == ['hint: make a changed copy with `replace(instance, "weight", value)`']


def test_unfrozen_class_sees_every_change() -> None:
    @parameterized(frozen=False)
    class Mutable:
        weight: Any
        count: int = 1

    mutable = Mutable(1.0)
    before = trees.structure(mutable)
    mutable.weight, mutable.count = 2.0, 3

    assert trees.leaves(mutable) == [2.0]
    assert trees.structure(mutable) != before


def test_list_in_a_frozen_class_sees_every_change() -> None:
    network = make_network()
    trees.leaves(network)
    network.layers.append(6.0)

    assert trees.leaves(network) == [1.0, 2.0, 3.0, 6.0, 4.0, 5.0]


@pytest.mark.parametrize("container", [list, tuple, Pair], ids=lambda container: container.__name__)
def test_many_instances_are_flattened_as_if_one_by_one(container: Any) -> None:
    instances = [Linear(float(i), None if i % 3 else 1.0, activation=numpy.sin) for i in range(9)]
    tree = container(instances, instances[2:7]) if container is Pair else container(instances)
    for _ in range(2):  # The second time they remember.
        leaves, structure = trees.flatten(tree)
        assert (leaves, structure) == trees.flatten(tree, lambda _: False)
        assert trees.leaves(structure.unflatten(leaves)) == leaves


def test_frozen_instances_remember_their_leaves_but_do_not_copy_or_pickle_that() -> None:
    linear = Linear((1.0, 2.0))
    for instance in (linear, trees.map(lambda x: x, Linear(1.0))):
        trees.flatten(instance)
        assert "_ryft_flat" in vars(instance)
        for other in (copy.copy(instance), copy.deepcopy(instance), pickle.loads(pickle.dumps(instance))):
            assert "_ryft_flat" not in vars(other)
            assert trees.flatten(other) == trees.flatten(instance)


def test_compiled_builder_sets_up_instances_completely() -> None:
    network = Network([Linear(1.0, 5.0), numpy.sin], Linear((2.0, 3.0)), 4.0)
    leaves, structure = trees.flatten(network)
    build = builders.compile_builder(structure.key)
    assert build is not None
    rebuilt = build(leaves)

    assert repr(rebuilt) == repr(network)
    assert vars(rebuilt.layers[0])["_ryft_flat"][1] == (1.0, 5.0)
    assert vars(rebuilt.head)["_ryft_flat"][1] == (2.0, 3.0)
    assert "_ryft_flat" not in vars(rebuilt)  # It holds a list, which may change.
    assert trees.flatten(rebuilt) == (leaves, structure)
    with pytest.raises(FrozenParametersError, match="cannot assign to `scale`"):
        rebuilt.scale = 1.0


def test_dataclasses_replace_makes_a_new_instance() -> None:
    linear = Linear(1.0)
    trees.leaves(linear)

    assert trees.leaves(dataclasses.replace(linear, weight=2.0)) == [2.0]


def test_instances_compare_by_identity_and_are_collected() -> None:
    linear = Linear(1.0)
    reference = weakref.ref(linear)

    assert linear == linear
    assert linear != Linear(1.0)
    assert len({linear, Linear(1.0)}) == 2
    trees.flatten(linear)
    del linear
    gc.collect()
    assert reference() is None


def test_existing_dataclass_stays_as_it_is() -> None:
    instance = Existing(1.0)

    assert trees.leaves(instance) == [1.0, 1]
    assert instance == Existing(1.0)
    assert repr(instance) == "Existing(weight=1.0, count=1)"


def test_dataclass_that_was_used_before_it_was_parameterized() -> None:
    @dataclasses.dataclass
    class Late:
        weight: Any

    before = trees.leaves(Late(1.0))

    assert trees.leaves(parameterized(Late)(2.0)) == [2.0]
    assert before == [1.0]


# --- inheritance and misuse -------------------------------------------------------------------------------------------


def test_subclass_without_new_fields_needs_no_decorator() -> None:
    class Sub(Linear):
        def forward(self, x: Any) -> Any:
            return x * self.weight

    rebuilt = trees.map(lambda x: x + 1, Sub(1.0))

    assert type(rebuilt) is Sub
    assert rebuilt.forward(3.0) == 6.0


def test_subclass_with_new_fields_needs_the_decorator() -> None:
    class Sub(Linear):
        extra: int

    with pytest.raises(
        StructureError, match="adds `extra` to a parameterized class, but is not parameterized itself"
    ) as caught:
        trees.leaves(Sub(1.0))
    assert "with `@parameterized`" in caught.value.__notes__[0]


def test_subclass_inherits_fields_and_their_order() -> None:
    @parameterized
    class Sub(Linear):
        extra: Any = 9.0

    assert trees.leaves(Sub(1.0, 2.0)) == [1.0, 2.0, 9.0]


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (3, "`parameterized` expected a class, but got 3"),
        (Linear, "`Linear` is parameterized already"),
        (Mode, "`Mode` is an enumeration, whose members are static values"),
        (type("Names", (dict,), {}), "`Names` is a `dict`, which cannot be parameterized"),
        (type("Failure", (ValueError,), {}), "`Failure` is a `BaseException`, which cannot be parameterized"),
        (type("Slots", (), {"__slots__": ("a",)}), "`Slots` defines `__slots__`"),
        (type("Reserved", (), {"__annotations__": {"_ryft_flat": int}}), "`Reserved._ryft_flat` starts with `_ryft_`"),
        (
            type("Default", (), {"__annotations__": {"a": list}, "a": []}),
            "cannot parameterize `Default`: mutable default",
        ),
        (type("Setter", (), {"__setattr__": lambda *_: None}), "cannot parameterize `Setter`: Cannot overwrite"),
    ],
)
def test_classes_that_cannot_be_parameterized(cls: Any, message: str) -> None:
    with pytest.raises(ParameterizedClassError, match=message):
        parameterized(cls)


def test_unhashable_static_value_of_a_parameterized_class_is_named() -> None:
    with pytest.raises(
        StructureError, match=r"`head.activation` is neither an array nor a container and so is static, but"
    ) as caught:
        trees.flatten(replace(make_network(), "head.activation", {1}))
    assert "make it hashable" in caught.value.__notes__[0]
