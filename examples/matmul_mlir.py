"""Builds a matrix product with the MLIR wrappers, and compiles and runs it with the PJRT wrappers."""

import numpy

from ryft_mlir import Context, Module
from ryft_mlir.dialects import func, stable_hlo
from ryft_pjrt import CompilationOptions, ExecutableCompilationOptions, Program, load_cpu_plugin


def build_module() -> Module:
    """Returns a module with the function `main(tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<2x2xf32>`."""
    context = Context()
    module = Module.create(context)
    lhs_type = context.tensor_type((2, 3), numpy.float32)
    rhs_type = context.tensor_type((3, 2), numpy.float32)
    result_type = context.tensor_type((2, 2), numpy.float32)
    main = func.func(module.body, "main", [lhs_type, rhs_type], [result_type])
    block = main.entry_block
    lhs, rhs = block.arguments
    dimensions = stable_hlo.dot_dimensions(context, lhs_contracting=[1], rhs_contracting=[0])
    product = stable_hlo.dot_general(block, lhs, rhs, dimensions, result_type)
    func.return_(block, product)
    module.verify()
    return module


def main() -> None:
    """Builds, compiles and runs the module, and checks the result."""
    module = build_module()
    print(module)
    client = load_cpu_plugin().client()
    options = CompilationOptions(
        executable_build_options=ExecutableCompilationOptions(device_ordinal=-1, replica_count=1, partition_count=1)
    )
    executable = client.compile(Program(module.bytecode()), options)
    (device,) = executable.addressable_devices
    lhs = client.buffer(numpy.array([[1, 2, 3], [4, 5, 6]], numpy.float32), device)
    rhs = client.buffer(numpy.array([[7, 8], [9, 10], [11, 12]], numpy.float32), device)
    (output,) = executable.execute([lhs, rhs])
    output.ready_event().await_()
    result = numpy.asarray(output)
    print(result)
    assert result.tolist() == [[58, 64], [139, 154]]


if __name__ == "__main__":
    main()
