"""Compiles a StableHLO program that adds two arrays, and executes it."""

import numpy as np

import ryft_pjrt as pjrt

PROGRAM = """
module {
  func.func @main(%x: tensor<2x1xi32>, %y: tensor<2x1xi32>) -> tensor<2x1xi32> {
    %sum = stablehlo.add %x, %y : tensor<2x1xi32>
    return %sum : tensor<2x1xi32>
  }
}
"""

with pjrt.load_cpu_plugin().client() as client:
    add = client.compile(PROGRAM)
    x = client.buffer(np.array([[7], [-1]], np.int32))
    y = client.buffer(np.array([[35], [-41]], np.int32))
    print(add(x, y).to_numpy().ravel().tolist())
