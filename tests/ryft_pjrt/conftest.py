"""Fixtures of the tests of `ryft_pjrt`: the CPU plugin, and a client with four devices."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy
import pytest

import ryft_pjrt as pjrt

ADD = """
module {
  func.func @main(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
    %sum = stablehlo.add %x, %y : tensor<8xf32>
    return %sum : tensor<8xf32>
  }
}
"""

# Squares a matrix many times: runs long enough to be caught while running.
SLOW = """
module {
  func.func @main(%x: tensor<512x512xf32>) -> tensor<512x512xf32> {
    %zero = stablehlo.constant dense<0> : tensor<i32>
    %one = stablehlo.constant dense<1> : tensor<i32>
    %count = stablehlo.constant dense<40> : tensor<i32>
    %r:2 = stablehlo.while(%i = %zero, %a = %x) : tensor<i32>, tensor<512x512xf32>
      cond {
        %less = stablehlo.compare LT, %i, %count : (tensor<i32>, tensor<i32>) -> tensor<i1>
        stablehlo.return %less : tensor<i1>
      } do {
        %next = stablehlo.add %i, %one : tensor<i32>
        %b = stablehlo.dot_general %a, %x, contracting_dims = [1] x [0]
            : (tensor<512x512xf32>, tensor<512x512xf32>) -> tensor<512x512xf32>
        stablehlo.return %next, %b : tensor<i32>, tensor<512x512xf32>
      }
    return %r#1 : tensor<512x512xf32>
  }
}
"""

# The first argument may be overwritten with the result.
DONATING = """
module {
  func.func @main(%x: tensor<8xf32> {tf.aliasing_output = 0 : i32}, %y: tensor<8xf32>) -> tensor<8xf32> {
    %sum = stablehlo.add %x, %y : tensor<8xf32>
    return %sum : tensor<8xf32>
  }
}
"""


@pytest.fixture(scope="session")
def programs() -> SimpleNamespace:
    return SimpleNamespace(ADD=ADD, SLOW=SLOW, DONATING=DONATING)


@pytest.fixture(scope="session")
def plugin() -> pjrt.Plugin:
    return pjrt.load_cpu_plugin()


@pytest.fixture(scope="session")
def client(plugin: pjrt.Plugin) -> Iterator[pjrt.Client]:
    with plugin.client(pjrt.CpuClientOptions(device_count=4)) as client:
        yield client


@pytest.fixture(scope="session")
def add(client: pjrt.Client) -> pjrt.LoadedExecutable:
    return client.compile(ADD)


@pytest.fixture
def eight() -> numpy.ndarray:
    return numpy.arange(8, dtype=numpy.float32)


@pytest.fixture
def run_child() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python code, after the imports that the tests share, in a process of its own."""

    def run(code: str, *, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        prelude = (
            "import gc, os, sys, threading\nimport numpy\nimport ryft_pjrt as pjrt\n"
            f"sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom conftest import ADD, DONATING, SLOW\n"
        )
        return subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", prelude + code],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=os.environ | {"PYTHONWARNINGS": "error"},
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def build_test_plugin(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles the plugin in `plugin`, with macros that make it misbehave, and returns its path."""
    root = Path(__file__).parents[2]
    native, source = root / "packages" / "ryft-xla-sys" / "native", Path(__file__).parent / "plugin"
    directory = tmp_path_factory.mktemp("plugin")
    specification = importlib.util.spec_from_file_location("build_hook", native.parent / "hatch_build.py")
    assert specification is not None
    assert specification.loader is not None
    hook = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(hook)
    appended = (native / "appended" / "pjrt_c_api.h").read_text()
    (directory / "pjrt_c_api.h").write_text(hook.merge_appended(hook.header_path().read_text(), appended))

    def build(name: str, *macros: str) -> Path:
        path = directory / f"{name}.so"
        flags = ["-shared", "-fPIC", "-pthread", "-Wno-unused-function", *(f"-D{macro}" for macro in macros)]
        files = [str(source / file) for file in ("plugin.c", "extensions.c", "tpu_extensions.c")]
        command = ["cc", *flags, f"-I{directory}", f"-I{native}", f"-I{source}", "-o", str(path), *files]
        subprocess.run(command, check=True)
        return path

    return build
