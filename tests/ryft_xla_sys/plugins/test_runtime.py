"""Libraries that plugins open by name: where they are found, and what is said about those that are not."""

import ctypes.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ryft_xla_sys import PluginError, load_api
from ryft_xla_sys.plugins import RuntimeLibraryError, load_manifest, load_named_plugin
from ryft_xla_sys.plugins.runtime import (
    check_runtime_libraries,
    find_runtime_libraries,
    load_runtime_libraries,
    missing_runtime_hints,
)

RUNTIME = """
[[plugins.sample.runtime]]
name = "Driver"
files = ["libsample_driver.so.1"]
directories = ["{root}/driver"]
needed = "load"
hint = "install the driver"

[[plugins.sample.runtime]]
name = "Blas"
files = ["libsample_blas.so.2", "libsample_blas_lt.so.2"]
directories = ["sample_blas/lib"]
needed = "run"
distribution = "sample-blas"
"""


@pytest.fixture
def root(workshop: Any) -> Path:
    with (workshop.root / "manifest.toml").open("a") as manifest:
        manifest.write(RUNTIME.format(root=workshop.root))
    return workshop.root


def a_library() -> Path:
    """Returns some small library that can be loaded anywhere."""
    name = ctypes.util.find_library("m")
    script = f"import ctypes; ctypes.CDLL({name!r}); print(open('/proc/self/maps').read())"
    maps = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return next(Path(line.split()[-1]) for line in maps.splitlines() if line.endswith(str(name)))


def provide(root: Path, *, driver: bool = True) -> None:
    for directory, names in {
        "driver": ["libsample_driver.so.1"] if driver else [],
        "site/sample_blas/lib": ["libsample_blas.so.2", "libsample_blas_lt.so.2"],
    }.items():
        (root / directory).mkdir(parents=True)
        for name in names:
            shutil.copyfile(a_library(), root / directory / name)


def test_what_is_missing_is_named_with_how_to_get_it(root: Path) -> None:
    entry = load_manifest().plugin("sample")

    message = (
        r"plugin `sample` needs libraries that are not on this machine: Driver \(`libsample_driver.so.1`\), "
        r"Blas \(`libsample_blas.so.2`\), Blas \(`libsample_blas_lt.so.2`\)"
    )
    with pytest.raises(RuntimeLibraryError, match=message) as info:
        check_runtime_libraries(entry)
    assert info.value.__notes__ == [
        "hint: install the driver",
        "hint: run `pip install 'ryft[sample]'`, or `pip install sample-blas`",
    ]
    assert missing_runtime_hints(entry) == [note.removeprefix("hint: ") for note in info.value.__notes__]
    with pytest.raises(RuntimeLibraryError, match=r"not on this machine: Driver \(`libsample_driver.so.1`\)\n"):
        check_runtime_libraries(entry, for_loading=True)


def test_libraries_are_found_in_distributions_and_absolute_directories(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide(root)
    monkeypatch.syspath_prepend(root / "site")
    entry = load_manifest().plugin("sample")

    found = find_runtime_libraries(entry)
    assert [(file.path, file.bundled) for file in found] == [
        (root / "driver/libsample_driver.so.1", False),
        (root / "site/sample_blas/lib/libsample_blas.so.2", True),
        (root / "site/sample_blas/lib/libsample_blas_lt.so.2", True),
    ]
    check_runtime_libraries(entry)
    assert missing_runtime_hints(entry) == []
    assert load_runtime_libraries(entry) == [file.path for file in found[1:]]


def test_libraries_are_found_on_the_library_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provide(root)
    monkeypatch.setenv("LD_LIBRARY_PATH", f":/no/such/directory:{root}/site/sample_blas/lib")
    entry = load_manifest().plugin("sample")

    assert [file.path and file.path.name for file in find_runtime_libraries(entry)] == [
        "libsample_driver.so.1",
        "libsample_blas.so.2",
        "libsample_blas_lt.so.2",
    ]
    assert load_runtime_libraries(entry) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the linker's cache is a thing of Linux")
def test_libraries_of_the_system_are_found(root: Path) -> None:
    name = ctypes.util.find_library("m")
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("libsample_driver.so.1", str(name)))

    path = find_runtime_libraries(load_manifest().plugin("sample"))[0].path
    assert path is not None
    assert path.samefile(a_library())


def test_nothing_is_loaded_without_the_driver(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provide(root, driver=False)
    monkeypatch.syspath_prepend(root / "site")
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('needed = "load"', 'needed = "run"'))

    assert load_runtime_libraries(load_manifest().plugin("sample")) == []


def test_library_that_cannot_be_loaded_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provide(root)
    (root / "site/sample_blas/lib/libsample_blas_lt.so.2").write_bytes(b"not a library")
    monkeypatch.syspath_prepend(root / "site")

    with pytest.raises(RuntimeLibraryError, match=r"cannot load library `.*blas_lt.so.2` for plugin `sample`: "):
        load_runtime_libraries(load_manifest().plugin("sample"))


def test_loading_by_name_asks_for_the_libraries_before_it_fetches(root: Path) -> None:
    with pytest.raises(RuntimeLibraryError, match="plugin `sample` needs libraries"):
        load_named_plugin("sample")
    assert not (root / "cache").exists()


def test_loading_by_name_gives_the_functions_of_the_plugin() -> None:
    api = load_named_plugin("cpu")

    assert api is load_api(api.path)
    assert api.path.name == "xla_cpu_pjrt.so"


def test_variables_for_machines_without_a_device_are_set_unless_they_are(
    workshop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = workshop.root / "manifest.toml"
    devices = f'devices = ["{workshop.root}/device*"]\nwithout_device = {{ SAMPLE_A = "1", SAMPLE_B = "1" }}\n'
    manifest.write_text(manifest.read_text().replace("entry_points =", f"{devices}entry_points ="))
    monkeypatch.setenv("SAMPLE_A", "mine")
    monkeypatch.setenv("SAMPLE_B", "recorded, so that it is restored")
    monkeypatch.delenv("SAMPLE_B")
    (workshop.root / "device0").touch()

    with pytest.raises(PluginError, match="cannot load PJRT plugin"):
        load_named_plugin("sample")
    assert "SAMPLE_B" not in os.environ
    (workshop.root / "device0").unlink()
    with pytest.raises(PluginError, match="cannot load PJRT plugin"):
        load_named_plugin("sample")
    assert (os.environ["SAMPLE_A"], os.environ["SAMPLE_B"]) == ("mine", "1")
