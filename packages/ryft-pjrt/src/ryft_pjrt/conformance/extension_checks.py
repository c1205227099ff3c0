"""Checks of what extensions do, beyond having their functions."""

from __future__ import annotations

import numpy

from ryft_pjrt.conformance.checks import Context, check, expect, expect_equal
from ryft_pjrt.extensions import ffi

__all__: list[str] = []

_CALL = """
module @call {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %0 = stablehlo.custom_call @ryft_conformance(%x) {api_version = 4 : i32, backend_config = {factor = 3 : i64}}
        : (tensor<8xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}
"""


def _platform(context: Context) -> str:
    return {"gpu": "CUDA", "cpu": "Host"}.get(context.plugin.platform or "", "Host")


@check("extensions", "FFI: handler in Python")
def _handler(context: Context) -> str:
    seen: list[str] = []

    def handle(call: ffi.HandlerCall) -> None:
        if call.platform == "Host":
            numpy.multiply(call.operands[0], call.attributes["factor"], out=call.results[0])
        seen.append(f"called on device {call.device_ordinal}")

    client = context.client
    ffi.register_python_handler(client, "ryft_conformance", handle, platform=_platform(context))
    result = numpy.asarray(client.compile(_CALL)(context.eight()))
    expect(seen, "the handler was not called")
    if context.plugin.platform == "cpu":
        expect_equal(result, 3 * numpy.arange(8, dtype=numpy.float32), "the result")
    return seen[0]


@check("extensions", "FFI: type")
def _type(context: Context) -> str:
    number = ffi.register_type(context.plugin, "ryft_conformance")
    expect(number > 0, f"the number of a type is {number}")
    return str(number)
