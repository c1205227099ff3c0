"""Builds a matrix product with the MLIR wrappers, then compiles and executes it with the PJRT wrappers."""

import numpy as np

import ryft_mlir as mlir
import ryft_pjrt as pjrt
from ryft_mlir.dialects import func, stable_hlo

# Build `main(tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>` around one product, and check it.
context = mlir.Context()
module = mlir.Module.create(context)
lhs_type, rhs_type, product_type = (context.tensor_type(shape, np.float32) for shape in [(2, 3), (3, 2), (2, 2)])
main = func.func(module.body, "main", [lhs_type, rhs_type], [product_type])
block = main.entry_block
lhs, rhs = block.arguments
dimensions = stable_hlo.dot_dimensions(context, lhs_contracting=[1], rhs_contracting=[0])
product = stable_hlo.dot_general(block, lhs, rhs, dimensions, product_type)
func.return_(block, product)
module.verify()
print(module)

# Compile its bytecode for one device.
options = pjrt.CompilationOptions(
    executable_build_options=pjrt.ExecutableCompilationOptions(device_ordinal=-1, replica_count=1, partition_count=1)
)
with pjrt.load_cpu_plugin().client() as client:
    matmul = client.compile(pjrt.Program(module.bytecode()), options)

    # Execute it, and wait for the output.
    a = client.buffer(np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    b = client.buffer(np.array([[7, 8], [9, 10], [11, 12]], np.float32))
    output = matmul(a, b).block_until_ready()
    result = output.to_numpy()

print(result)
if not np.array_equal(result, [[58, 64], [139, 154]]):
    raise SystemExit(f"expected [[58, 64], [139, 154]], but got {result.tolist()}")
