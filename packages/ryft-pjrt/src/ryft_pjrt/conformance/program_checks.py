"""Checks of programs: compilation, what is known of a compiled program, and execution."""

from __future__ import annotations

import threading
from functools import partial

import numpy

from ryft_pjrt.compilation_options import CompilationOptions, ExecutableCompilationOptions
from ryft_pjrt.conformance.checks import ADD, ConformanceError, Context, check, expect, expect_equal, refused
from ryft_pjrt.conformance.plugin_checks import compiler_for_topologies
from ryft_pjrt.errors import InvalidArgumentError, UnavailableError, UnimplementedError
from ryft_pjrt.executables import Executable
from ryft_pjrt.programs import Program

__all__: list[str] = []

_DONATING = ADD.replace("%x: tensor<8xf32>", "%x: tensor<8xf32> {tf.aliasing_output = 0 : i32}", 1)
_TWO = """
module @two {
  func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<i32>) {
    %one = stablehlo.constant dense<1> : tensor<i32>
    return %x, %one : tensor<8xf32>, tensor<i32>
  }
}
"""
_MATRIX = """
module @matrix {
  func.func @main(%x: tensor<16x16xf32>) -> tensor<16x16xf32> {
    %y = stablehlo.dot_general %x, %x, contracting_dims = [1] x [0]
        : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    return %y : tensor<16x16xf32>
  }
}
"""
_ALL_REDUCE = """
module @all_reduce {
  func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
    %0 = "stablehlo.all_reduce"(%x) ({
      ^body(%a: tensor<f32>, %b: tensor<f32>):
        %sum = stablehlo.add %a, %b : tensor<f32>
        stablehlo.return %sum : tensor<f32>
    }) {replica_groups = dense<[GROUP]> : tensor<1xCOUNTxi64>,
        channel_handle = #stablehlo.channel_handle<handle = 1, type = 1>, use_global_device_ids}
        : (tensor<8xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}
"""
_EIGHT = numpy.arange(8, dtype=numpy.float32)


@check("compilation", "MLIR text")
def _text(context: Context) -> str:
    return context.client.compile(ADD).name


@check("compilation", "HLO")
def _hlo(context: Context) -> str:
    program = context.add.executable.optimized_program()
    if program.format == "hlo_with_config":
        from ryft_xla_sys.protos import HloModuleProtoWithConfig

        module = HloModuleProtoWithConfig.FromString(program.code).hlo_module
        program = Program(module.SerializeToString(), "hlo")
    return context.client.compile(program).name


@check("compilation", "malformed program is an error")
def _malformed(context: Context) -> str:
    message = refused(partial(context.client.compile, "nonsense"))
    _ = context.add  # The plugin still works.
    return message


@check("compilation", "malformed options are an error")
def _malformed_options(context: Context) -> str:
    overrides = CompilationOptions(environment_option_overrides={"xla_no_such_option": True})
    return refused(partial(context.client.compile, ADD, overrides))


def _executable(context: Context) -> Executable:
    return context.add.executable


@check("executables", "counts")
def _counts(context: Context) -> str:
    executable = _executable(context)
    expect_equal(executable.output_count, 1, "the number of outputs")
    expect_equal((executable.replica_count, executable.partition_count), (1, 1), "replicas and partitions")
    return executable.name


@check("executables", "types")
def _types(context: Context) -> None:
    expect_equal(tuple(map(str, context.add.output_types)), ("f32[8]",), "the output types")
    expect_equal(tuple(map(str, context.add.parameter_types)), ("f32[8]", "f32[8]"), "the parameter types")


@check("executables", "optimized program")
def _optimized(context: Context) -> str:
    return repr(_executable(context).optimized_program())


@check("executables", "cost analysis")
def _cost(context: Context) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(_executable(context).cost_analysis.items())[:6])


@check("executables", "memory statistics")
def _memory(context: Context) -> str:
    statistics = _executable(context).memory_statistics()
    return f"{statistics.device_input_size_in_bytes} in, {statistics.device_output_size_in_bytes} out"


@check("executables", "size of the code")
def _code_size(context: Context) -> str:
    try:
        return str(_executable(context).generated_code_size_in_bytes)
    except UnavailableError as error:
        raise UnimplementedError(str(error)) from error


@check("executables", "fingerprint")
def _fingerprint(context: Context) -> str:
    first, second = (context.client.compile(ADD).executable.fingerprint for _ in range(2))
    expect_equal(first, second, "the fingerprint of the same program")
    return first.hex()[:32]


@check("executables", "memory kinds of outputs")
def _output_kinds(context: Context) -> str:
    return ", ".join(_executable(context).output_memory_kinds)


@check("executables", "memory kinds of parameters")
def _parameter_kinds(context: Context) -> str:
    return ", ".join(_executable(context).parameter_memory_kinds)


@check("executables", "compilation options")
def _options(context: Context) -> None:
    build = _executable(context).compilation_options().executable_build_options
    expect_equal((build.num_replicas, build.num_partitions), (1, 1), "replicas and partitions")


@check("executables", "serialize and load")
def _serialize(context: Context) -> str:
    data = context.add.serialize()
    loaded = context.client.deserialize_and_load(data)
    result = loaded(context.eight(), context.eight())
    expect_equal(numpy.asarray(result), 2 * _EIGHT, "the sum")
    return f"{len(data)} bytes"


@check("executables", "load")
def _load(context: Context) -> None:
    topology = context.client.topology
    with compiler_for_topologies(), context.plugin.compile(ADD, topology) as executable:
        result = context.client.load(executable)(context.eight(), context.eight())
        expect_equal(numpy.asarray(result), 2 * _EIGHT, "the sum")


@check("executables", "device assignment")
def _assignment(context: Context) -> str:
    return str(context.add.device_assignment.device_ids)


@check("executables", "delete")
def _delete(context: Context) -> None:
    executable = context.client.compile(ADD)
    expect(not executable.is_deleted, "the program is deleted before it is")
    executable.delete()


@check("execution", "add")
def _add(context: Context) -> None:
    expect_equal(numpy.asarray(context.add(context.eight(), context.eight())), 2 * _EIGHT, "the sum")


@check("execution", "matrix product")
def _matrix(context: Context) -> None:
    values = numpy.arange(256, dtype=numpy.float32).reshape(16, 16) % 7
    result = numpy.asarray(context.client.compile(_MATRIX)(context.client.buffer(values)))
    expect(numpy.allclose(result, values @ values, rtol=1e-2), "the product is wrong")


@check("execution", "several outputs")
def _several(context: Context) -> None:
    results = context.client.compile(_TWO)(context.eight())
    if not isinstance(results, tuple) or len(results) != 2:
        raise ConformanceError("there are not two outputs")
    expect_equal(numpy.asarray(results[0]), _EIGHT, "the first output")
    expect_equal(numpy.asarray(results[1]), numpy.array(1, numpy.int32), "the second output")


@check("execution", "completion")
def _completion(context: Context) -> None:
    (outputs,) = context.add.execute([context.eight(), context.eight()], launch_id=1, call_location="conformance")
    outputs.done.wait(60)
    expect_equal(outputs.outputs[0].to_numpy(), 2 * _EIGHT, "the sum")


@check("execution", "donation")
def _donation(context: Context) -> None:
    executable, donated = context.client.compile(_DONATING), context.eight()
    result = executable(donated, context.eight(), donate=(0,))
    expect_equal(numpy.asarray(result), 2 * _EIGHT, "the sum")
    expect(donated.closed, "the donated buffer is not dead")


@check("execution", "context")
def _context(context: Context) -> None:
    with context.client.execution_context() as own:
        (outputs,) = context.add.execute([context.eight(), context.eight()], context=own)
        outputs.done.wait(60)


@check("execution", "error of an operand")
def _operand_error(context: Context) -> str:
    broken = context.client.error_buffer(InvalidArgumentError("conformance"), "float32", (8,))
    result = context.add(broken, context.eight())
    return refused(partial(numpy.asarray, result))


@check("execution", "thousand executions")
def _thousand(context: Context) -> None:
    buffer, one = context.eight(), context.client.buffer(numpy.ones(8, numpy.float32))
    for _ in range(1000):
        result = context.add(buffer, one)
        buffer = result if not isinstance(result, tuple) else result[0]
    expect_equal(buffer.to_numpy(), _EIGHT + 1000, "the sum")


@check("execution", "eight threads")
def _threads(context: Context) -> None:
    wrong: list[object] = []

    def work(seed: int) -> None:
        try:
            values = numpy.full(8, seed, numpy.float32)
            for _ in range(50):
                buffer = context.client.buffer(values)
                expect_equal(numpy.asarray(context.add(buffer, buffer)), 2 * values, "the sum")
        except Exception as error:  # Reported by the check, on its own thread.
            wrong.append(error)

    _ = context.add
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not wrong, f"a thread failed: {wrong[:1]}")


@check("execution", "all devices together")
def _all_devices(context: Context) -> str:
    devices = context.client.addressable_devices
    count = len(devices)
    code = _ALL_REDUCE.replace("GROUP", str(list(range(count)))).replace("COUNT", str(count))
    options = CompilationOptions(
        executable_build_options=ExecutableCompilationOptions(partition_count=count, use_spmd_partitioning=True)
    )
    executable = context.client.compile(code, options)
    rows = [[context.client.buffer(_EIGHT * (i + 1), device)] for i, device in enumerate(executable.devices)]
    for outputs in executable.execute(rows):
        expect_equal(outputs.outputs[0].to_numpy(), _EIGHT * (count * (count + 1) // 2), "the sum over all devices")
    return f"{count} devices"
