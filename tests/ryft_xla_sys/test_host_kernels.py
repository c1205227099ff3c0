"""The kernels of `jaxlib` for the CPU: the data about them, the version check, and what they compute."""

import subprocess
import sys

import pytest

from ryft_xla_sys import Api, errors, find_plugin, host_kernels, load_api

# Run in a process of its own: a kernel can be registered with a plugin only once, and never be taken back.
CHOLESKY = '''
import numpy
import scipy.linalg
from ryft_pjrt import Program, load_cpu_plugin
from ryft_xla_sys.host_kernels import register_host_kernels

plugin = load_cpu_plugin()
register_host_kernels(plugin.api, ["lapack_dpotrf_ffi"])
program = """
func.func @main(%a: tensor<3x3xf64>) -> (tensor<3x3xf64>, tensor<i32>) {
  %0:2 = stablehlo.custom_call @lapack_dpotrf_ffi(%a) {
    api_version = 4 : i32, backend_config = {uplo = 76 : ui8},
    operand_layouts = [dense<[0, 1]> : tensor<2xindex>],
    result_layouts = [dense<[0, 1]> : tensor<2xindex>, dense<> : tensor<0xindex>]
  } : (tensor<3x3xf64>) -> (tensor<3x3xf64>, tensor<i32>)
  return %0#0, %0#1 : tensor<3x3xf64>, tensor<i32>
}
"""
matrix = numpy.array([[4.0, 2.0, 1.0], [2.0, 5.0, 3.0], [1.0, 3.0, 6.0]])
client = plugin.client()
factor, status = client.compile(Program(program.encode(), "mlir"))(client.buffer(matrix))
print(status.to_numpy(), numpy.array_equal(numpy.tril(factor.to_numpy()), scipy.linalg.cholesky(matrix, lower=True)))
'''


@pytest.fixture(scope="module")
def api() -> Api:
    return load_api(find_plugin("cpu"))


def test_kernels_are_all_that_jaxlib_has_each_with_its_own_address() -> None:
    from jaxlib import cpu_sparse, lapack

    kernels = host_kernels.host_kernels()
    expected = {name for module in (lapack, cpu_sparse) for name, _, _ in module.registrations()["cpu"]}
    assert set(kernels) == expected
    assert len({kernel.address for kernel in kernels.values()}) == len(kernels)
    assert kernels["lapack_dpotrf_ffi"].family == "lapack"
    assert kernels["cpu_csr_sparse_dense_ffi"].family == "sparse"
    assert kernels["lapack_dpotrf_ffi"].stages == ("execute",)


def test_every_kernel_tells_the_version_in_the_header_of_jaxlib(api: Api) -> None:
    import re
    from pathlib import Path

    import jaxlib

    header = (Path(jaxlib.__path__[0]) / "include/xla/ffi/api/c_api.h").read_text()
    version = tuple(int(re.findall(rf"#define XLA_FFI_API_{part} (\d+)", header)[0]) for part in ("MAJOR", "MINOR"))
    assert {kernel.version(api) for kernel in host_kernels.host_kernels().values()} == {version}


def test_check_accepts_the_pinned_plugin(api: Api) -> None:
    host_kernels.check_host_kernels(api)


@pytest.mark.parametrize(("plugin", "told"), [((0, 3), "with 0.3"), (None, "with none that it tells")])
def test_check_raises_on_a_mismatch(
    api: Api, monkeypatch: pytest.MonkeyPatch, plugin: tuple[int, int] | None, told: str
) -> None:
    monkeypatch.setattr(host_kernels, "ffi_version", lambda api: plugin)

    with pytest.raises(
        host_kernels.HostKernelVersionError, match=f"expected a plugin with XLA FFI 0.2, .* {told}"
    ) as info:
        host_kernels.check_host_kernels(api)
    assert (info.value.expected, info.value.actual) == (plugin, (0, 2))


def test_register_raises_on_a_mismatch_and_registers_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[str] = []
    monkeypatch.setattr(host_kernels, "ffi_version", lambda api: (0, 3))
    monkeypatch.setattr(host_kernels, "register_handler", lambda api, name, handler: registered.append(name))
    monkeypatch.setattr(host_kernels, "_REGISTERED", {})

    with pytest.raises(host_kernels.HostKernelVersionError):
        host_kernels.register_host_kernels(api, ["lapack_zgeev_ffi"])
    assert registered == []


def test_register_refuses_an_unknown_name(api: Api) -> None:
    with pytest.raises(errors.NotFoundError, match=r"kernel of `jaxlib` \S+, but got `lapack_magic`"):
        host_kernels.register_host_kernels(api, ["lapack_magic"])


def test_registered_kernel_computes_what_scipy_computes() -> None:
    result = subprocess.run([sys.executable, "-c", CHOLESKY], capture_output=True, text=True)

    assert (result.returncode, result.stdout) == (0, "0 True\n"), result.stderr


def test_register_all_may_be_repeated() -> None:
    script = (
        "from ryft_xla_sys import find_plugin, load_api; from ryft_xla_sys.host_kernels import register_host_kernels\n"
        "api = load_api(find_plugin('cpu'))\n"
        "register_host_kernels(api); register_host_kernels(api); register_host_kernels(api, ['lapack_dpotrf_ffi'])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
