"""Tests of plugins: loading them, what they say of themselves."""

from pathlib import Path
from unittest.mock import Mock

import pytest

import ryft_pjrt as pjrt
from ryft_pjrt.errors import FailedPreconditionError, NotFoundError, PluginError


def test_cpu_plugin_describes_itself(plugin: pjrt.Plugin) -> None:
    assert plugin.version <= pjrt.VERSION
    assert str(plugin.version) == f"{plugin.version.major}.{plugin.version.minor}"
    assert plugin.platform == "cpu"
    assert plugin.attribute("stablehlo_current_version") == plugin.attributes["stablehlo_current_version"]
    assert isinstance(plugin.attribute("xla_version"), int)
    assert repr(plugin) == f"Plugin({plugin.api.path.name}, version={plugin.version})"


def test_missing_attributes_are_not_found(plugin: pjrt.Plugin) -> None:
    with pytest.raises(NotFoundError, match="the plugin has no attribute named `nonsense`, only"):
        plugin.attribute("nonsense")


def test_plugins_are_loaded_once(plugin: pjrt.Plugin) -> None:
    assert pjrt.load_plugin(plugin.api.path).api is plugin.api


def test_load_plugin_rejects_what_is_no_plugin(tmp_path: Path) -> None:
    text = tmp_path / "plugin.so"
    text.write_text("not a library")

    with pytest.raises(PluginError, match="there is no such file"):
        pjrt.load_plugin(tmp_path / "missing.so")
    with pytest.raises(PluginError, match="cannot load PJRT plugin"):
        pjrt.load_plugin(text)


def test_load_cpu_plugin_honours_the_environment(monkeypatch: pytest.MonkeyPatch, plugin: pjrt.Plugin) -> None:
    monkeypatch.setenv("PJRT_PLUGIN_CPU_LIB", "/nowhere/plugin.so")
    with pytest.raises(PluginError, match=r"/nowhere/plugin\.so"):
        pjrt.load_cpu_plugin()
    monkeypatch.setenv("PJRT_PLUGIN_CPU_LIB", str(plugin.api.path))
    assert pjrt.load_cpu_plugin().api is plugin.api


@pytest.mark.parametrize("name", ["cuda_12", "cuda_13", "rocm_7", "tpu", "neuron", "metal"])
def test_other_plugins_are_looked_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"PJRT_PLUGIN_{name.upper()}_LIB", "/nowhere/plugin.so")

    # Some plugins need libraries of their vendor, which are looked for first.
    with pytest.raises(PluginError, match=r"/nowhere/plugin\.so|needs libraries that are not on this machine"):
        getattr(pjrt, f"load_{name}_plugin")()


def test_client_that_cannot_be_made_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, plugin: pjrt.Plugin) -> None:
    monkeypatch.setattr("ryft_xla_sys.plugins.runtime.missing_runtime_hints", lambda entry: [f"install {entry.name}"])

    error = FailedPreconditionError("no device")
    monkeypatch.setattr("ryft_pjrt.plugins.Client", Mock(side_effect=error))
    with pytest.raises(FailedPreconditionError, match="no device") as caught:
        pjrt.Plugin(plugin.api, "cuda-13").client()
    assert caught.value.__notes__ == ["hint: install cuda-13"]


def test_versions_are_ordered() -> None:
    assert pjrt.Version(0, 9) < pjrt.Version(0, 81) < pjrt.Version(1, 0)
    assert str(pjrt.Version(0, 81)) == "0.81"
