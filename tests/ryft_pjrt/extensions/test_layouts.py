"""Layouts of the CPU plugin, which has the extension."""

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentError, ClosedError, UnimplementedError
from ryft_pjrt.extensions.layouts import buffer_layout, default_layout, output_layouts, parameter_layouts


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4), (2, 3, 4, 5)])
def test_default_layout_is_row_major(client: pjrt.Client, shape: tuple[int, ...]) -> None:
    expected = pjrt.TiledLayout(tuple(reversed(range(len(shape)))))

    assert default_layout(client, "float32", shape) == expected


def test_default_layout_of_a_topology_is_that_of_its_devices(client: pjrt.Client) -> None:
    layout = default_layout(client.topology, "bfloat16", (2, 3))

    assert layout == default_layout(client, "bfloat16", (2, 3))


def test_layout_of_a_buffer_is_the_one_that_the_buffer_tells(client: pjrt.Client) -> None:
    buffer = client.buffer(numpy.zeros((2, 3)))

    assert buffer_layout(buffer) == buffer.layout == pjrt.TiledLayout((1, 0))
    buffer.close()
    with pytest.raises(ClosedError, match="closed"):
        buffer_layout(buffer)


def test_layouts_of_a_program(add: pjrt.LoadedExecutable) -> None:
    assert output_layouts(add) == output_layouts(add.executable) == (pjrt.TiledLayout((0,)),)
    with pytest.raises(UnimplementedError, match="GetParameterLayouts"):
        parameter_layouts(add)


def test_dimensions_are_checked(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentError, match="expected dimensions between 0"):
        default_layout(client, "float32", (-1,))
