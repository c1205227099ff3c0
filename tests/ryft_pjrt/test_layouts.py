"""Tests of layouts and buffer specifications."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ryft_pjrt as pjrt
from ryft_pjrt import BufferSpecification, BufferType, StridedLayout, Tile, TiledLayout, parse_layout
from ryft_pjrt.errors import ArgumentError, UnimplementedError
from ryft_pjrt.layouts import layout_to_c, read_layout

tiles = st.builds(Tile, st.lists(st.none() | st.integers(1, 128), min_size=1, max_size=3).map(tuple))
tiled_layouts = st.integers(0, 4).flatmap(
    lambda rank: st.builds(TiledLayout, st.permutations(range(rank)).map(tuple), st.lists(tiles, max_size=2).map(tuple))
)
strided_layouts = st.builds(StridedLayout, st.lists(st.integers(-(2**40), 2**40), max_size=4).map(tuple))
layouts = tiled_layouts | strided_layouts


def rank(layout: TiledLayout | StridedLayout) -> int:
    return len(layout.strides if isinstance(layout, StridedLayout) else layout.minor_to_major)


@given(layouts)
def test_layouts_round_trip_through_text(layout: TiledLayout | StridedLayout) -> None:
    assert parse_layout(str(layout)) == layout


@given(layouts)
def test_layouts_round_trip_through_c(layout: TiledLayout | StridedLayout) -> None:
    target, _keep = layout_to_c(layout, rank(layout))

    assert read_layout(target) == layout


@given(tiled_layouts)
def test_layouts_serialize_as_xla_does(layout: TiledLayout) -> None:
    from ryft_xla_sys.protos import LayoutProto

    message = LayoutProto.FromString(layout.serialize())

    assert tuple(message.minor_to_major) == layout.minor_to_major
    expected = [[-(2**63) if size is None else size for size in tile.dimensions] for tile in layout.tiles]
    assert [list(tile.dimensions) for tile in message.tiles] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", TiledLayout(())),
        (" { 1, 0 } ", TiledLayout((1, 0))),
        ("{1,0:T(8,128)(2,1)}", TiledLayout((1, 0), (Tile((8, 128)), Tile((2, 1))))),
        ("{0:T(*,4)L(16)E(4)M(8)S(5)SC(0:1,2)}", TiledLayout((0,), (Tile((None, 4)),))),
        ("strides(24,8,-4)", StridedLayout((24, 8, -4))),
    ],
)
def test_parse_layout_reads_the_forms_of_xla(text: str, expected: object) -> None:
    assert parse_layout(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,0", "expected a form such as"),
        ("{1,0", "expected a form such as"),
        ("{1,,0}", "expected integers separated by commas, but got '1,,0'"),
        ("{1,0:D(D,C)}", "expected a dense layout"),
        ("{1,0:Q(3)}", "expected the properties T, L, E, M, S or SC, but got 'Q"),
        ("{1,1}", "expected each dimension from 0 to 1 once"),
        ("{0:T(x)}", "expected the properties"),
        ("strides(1,)", "expected integers separated by commas"),
    ],
)
def test_parse_layout_rejects_other_forms(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        parse_layout(text)


def test_tiles_reject_negative_sizes() -> None:
    with pytest.raises(
        ArgumentError, match="`dimensions` expected an integer from 0 to 9223372036854775807, but got -1"
    ):
        Tile((-1,))


@pytest.mark.parametrize(
    "text", ["f32[]", "f32[2,3]", "pred[0]", "i4[5]{0}", "f32[2,3]{1,0:T(4,2)}", "i8[2]strides(3)"]
)
def test_specifications_round_trip_through_text(text: str) -> None:
    assert str(BufferSpecification.parse(text)) == text


def test_specification_parse_takes_dynamic_dimensions() -> None:
    specification = BufferSpecification.parse(" s32[?, <=5] ")

    assert (specification.element_type, specification.shape, specification.layout) == (BufferType.I32, (0, 5), None)


@pytest.mark.parametrize("text", ["f32", "[2]", "f32[a]", "f32[-2]", "q8[2]", "f32[2]x"])
def test_specification_parse_rejects_other_forms(text: str) -> None:
    with pytest.raises(ArgumentError, match="expected"):
        BufferSpecification.parse(text)


def test_specification_serializes_as_xla_does() -> None:
    from ryft_xla_sys.protos import PrimitiveType, ShapeProto

    message = ShapeProto.FromString(BufferSpecification("bfloat16", (2, 3), TiledLayout((0, 1))).serialize())

    assert message.element_type == PrimitiveType.BF16
    assert list(message.dimensions) == [2, 3]
    assert list(message.is_dynamic_dimension) == [False, False]
    assert list(message.layout.minor_to_major) == [0, 1]
    with pytest.raises(ArgumentError, match="expected a tiled layout"):
        BufferSpecification("int8", (2,), StridedLayout((4,))).serialize()


def test_layouts_of_buffers_are_those_of_their_memory(client: pjrt.Client) -> None:
    array = numpy.arange(24, dtype=numpy.float32).reshape(2, 3, 4)
    layout = pjrt.TiledLayout((1, 2, 0))

    buffer = client.buffer(array, layout=layout)

    assert buffer.layout == layout
    raw = buffer.copy_raw_to_host().wait().view(numpy.float32)
    assert raw.tolist() == array.transpose(0, 2, 1).ravel().tolist()
    numpy.testing.assert_array_equal(buffer.to_numpy(), array)
    numpy.testing.assert_array_equal(buffer.copy_to_host().wait(), array)
    with pytest.raises(UnimplementedError, match=r"cannot copy a buffer with the layout \{1,2,0\} into a given array"):
        buffer.copy_to_host(numpy.empty_like(array))


def test_programs_use_the_layouts_that_they_ask_for(client: pjrt.Client) -> None:
    program = """
    module {
      func.func @main(%x: tensor<2x3xf32> {mhlo.layout_mode = "{0,1}"})
          -> (tensor<2x3xf32> {mhlo.layout_mode = "{0,1}"}) {
        return %x : tensor<2x3xf32>
      }
    }
    """
    array = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)

    result = client.compile(program)(client.buffer(array, layout=pjrt.TiledLayout((0, 1))))

    assert result.layout == pjrt.TiledLayout((0, 1))
    numpy.testing.assert_array_equal(result.to_numpy(), array)
    numpy.testing.assert_array_equal(numpy.asarray(result), array)


def test_copies_keep_the_elements_of_any_layout(client: pjrt.Client) -> None:
    array = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
    buffer = client.buffer(array, layout=pjrt.TiledLayout((0, 1)))

    numpy.testing.assert_array_equal(buffer.copy_to_device(client.devices[1]).to_numpy(), array)
    numpy.testing.assert_array_equal(buffer.copy_to_memory(client.devices[0].memory("pinned_host")).to_numpy(), array)


def test_layouts_that_the_cpu_cannot_have_are_errors(client: pjrt.Client) -> None:
    with pytest.raises(UnimplementedError, match="the CPU plugin cannot have host data in the layout"):
        client.buffer(numpy.ones((2, 2)), layout=pjrt.TiledLayout((1, 0), (pjrt.Tile((2,)),)))
