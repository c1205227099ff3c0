"""The debug options that plugins compile with by default."""

from __future__ import annotations

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import ArgumentTypeError
from ryft_xla_sys.protos import DebugOptions

LOOP = """
module {
  func.func @main(%x: tensor<1000xf32>) -> tensor<1000xf32> {
    %zero = stablehlo.constant dense<0> : tensor<i32>
    %one = stablehlo.constant dense<1> : tensor<i32>
    %last = stablehlo.constant dense<5> : tensor<i32>
    %r:2 = stablehlo.while(%i = %zero, %y = %x) : tensor<i32>, tensor<1000xf32>
    cond {
      %p = stablehlo.compare LT, %i, %last : (tensor<i32>, tensor<i32>) -> tensor<i1>
      stablehlo.return %p : tensor<i1>
    } do {
      %j = stablehlo.add %i, %one : tensor<i32>
      %s = stablehlo.sine %y : tensor<1000xf32>
      %z = stablehlo.add %s, %y : tensor<1000xf32>
      stablehlo.return %j, %z : tensor<i32>, tensor<1000xf32>
    }
    return %r#1 : tensor<1000xf32>
  }
}
"""


def test_default_options_are_those_of_the_plugin(client: pjrt.Client) -> None:
    options = DebugOptions.FromString(client.default_debug_options.serialize())

    assert options.xla_backend_optimization_level == 3
    assert options.xla_cpu_enable_fast_min_max
    assert client.default_debug_options is client.default_debug_options


def test_backend_options_are_added_and_replaced(client: pjrt.Client) -> None:
    defaults = client.default_debug_options
    options = defaults.with_backend_options({"a": "1", "b": "2"}).with_backend_options({"a": "3"})

    message = DebugOptions.FromString(options.serialize())
    assert dict(message.xla_backend_extra_options) == {"a": "3", "b": "2"}
    assert options != defaults
    assert repr(defaults).startswith("DebugOptions(")
    message.ClearField("xla_backend_extra_options")
    assert message == DebugOptions.FromString(defaults.serialize())


def test_backend_options_reach_the_compiler(client: pjrt.Client) -> None:
    options = client.default_debug_options.with_backend_options({"xla_cpu_small_while_loop_byte_threshold": "1000000"})
    build = pjrt.ExecutableCompilationOptions(debug_options=options)

    plain = client.compile(LOOP)
    kernel = client.compile(LOOP, pjrt.CompilationOptions(executable_build_options=build))

    assert b"xla_cpu_small_call" not in plain.executable.optimized_program().code
    assert b"xla_cpu_small_call" in kernel.executable.optimized_program().code
    x = client.buffer(numpy.linspace(0, 1, 1000, dtype=numpy.float32))
    numpy.testing.assert_allclose(kernel(x).to_numpy(), plain(x).to_numpy(), rtol=1e-6)


def test_options_that_are_no_text_are_refused(client: pjrt.Client) -> None:
    with pytest.raises(ArgumentTypeError, match=r"names and values of backend options as text, but got .'a': 1"):
        client.default_debug_options.with_backend_options({"a": 1})  # pyright: ignore[reportArgumentType]
