"""The umbrella re-exports the packages below it."""

import importlib
import importlib.metadata
import subprocess
import sys

import pytest

import ryft


@pytest.mark.parametrize("name", ["core", "pjrt", "mlir", "xla_sys"])
def test_layers_are_attributes(name: str) -> None:
    assert getattr(ryft, name) is importlib.import_module(f"ryft_{name}")


@pytest.mark.parametrize("name", ["debug", "lax", "nn", "numpy", "parameters", "tree"])
def test_modules_of_the_core_can_be_imported_from_the_umbrella(name: str) -> None:
    code = f"import ryft.{name} as module; import ryft; print(all(hasattr(ryft.{name}, n) for n in module.__all__))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "True"
    module = importlib.import_module(f"ryft.{name}")
    assert getattr(ryft, name) is module
    core = importlib.import_module(f"ryft_core.{'trees' if name == 'tree' else name}")
    assert module.__all__ == core.__all__
    assert all(getattr(module, each) is getattr(core, each) for each in core.__all__)


def test_every_exported_name_exists() -> None:
    assert all(hasattr(ryft, name) for name in ryft.__all__)


def test_every_name_of_the_core_is_exported() -> None:
    assert set(ryft.core.__all__) <= set(ryft.__all__)


def test_an_unknown_name_raises_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module `ryft` has no attribute `grand`"):
        _ = ryft.grand


def test_a_misspelled_name_gets_a_suggestion() -> None:
    code = "import ryft; ryft.valeu_and_grad"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "Did you mean: 'value_and_grad'?" in output


def test_the_version_is_that_of_the_distribution() -> None:
    assert ryft.__version__ == importlib.metadata.version("ryft")


def loaded_after(statement: str) -> set[str]:
    """Returns which packages a fresh process has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return set(output.split())


def test_import_loads_nothing_until_something_is_used() -> None:
    assert not loaded_after("import ryft") & {"numpy", "ryft_core", "ryft_pjrt", "ryft_mlir", "ryft_xla_sys"}


def test_use_loads_neither_mlir_nor_protobuf() -> None:
    loaded = loaded_after("import ryft; ryft.jit(lambda x: x)")

    assert "ryft_core" in loaded
    assert not loaded & {"ryft_mlir", "jaxlib", "google.protobuf", "jax", "scipy"}


def test_everything_can_be_imported_by_a_star() -> None:
    names: dict[str, object] = {}
    exec("from ryft import *", names)

    assert set(ryft.__all__) <= set(names)


def test_directory_lists_every_exported_name() -> None:
    assert set(ryft.__all__) <= set(dir(ryft))


def test_second_call_of_a_jitted_function_touches_neither_mlir_nor_protobuf() -> None:
    code = """
import sys, numpy, ryft
function = ryft.jit(lambda x: x * 2 + 1)
x = function(numpy.ones(3, "float32"))
function(x)
for name in [n for n in sys.modules if n.startswith(("jaxlib", "google.protobuf", "ryft_mlir"))]:
    sys.modules[name] = None
import ryft_core.lowering, ryft_core.compilation
ryft_core.lowering.lower_program = ryft_core.compilation.compile_program = None
print(function(x).tolist())
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[7.0, 7.0, 7.0]"
