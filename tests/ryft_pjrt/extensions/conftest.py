"""Fixtures of the tests of extensions: the test plugin, what it can be told to do, and what it has."""

import ctypes
import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ryft_pjrt as pjrt


class Control:
    """The functions of the test plugin that are for tests only."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        for name in ("test_registered", "test_batch_partitionable", "test_peer", "test_states"):
            getattr(self._library, name).restype = ctypes.c_char_p
        self._library.test_waited_stream.restype = ctypes.c_ssize_t

    def live(self) -> int:
        """Returns the number of objects that the plugin has made and nobody has freed."""
        gc.collect()
        return self._library.test_live()

    def fail_next(self, code: int) -> None:
        self._library.test_fail_next(code)

    def return_null(self, null: bool) -> None:
        self._library.test_return_null(null)

    def late_events(self, late: bool) -> None:
        self._library.test_late_events(late)

    def complete(self, code: int = 0) -> None:
        self._library.test_complete(code)

    def call(self, name: str, *arguments: object) -> object:
        return getattr(self._library, f"test_{name}")(*arguments)


@pytest.fixture(scope="session")
def test_plugin_path(build_test_plugin: Callable[..., Path]) -> Path:
    return build_test_plugin("test_plugin")


@pytest.fixture(scope="session")
def fake(test_plugin_path: Path) -> pjrt.Plugin:
    """The test plugin."""
    return pjrt.load_plugin(test_plugin_path)


@pytest.fixture
def control(fake: pjrt.Plugin) -> Iterator[Control]:
    """What the test plugin can be told to do. Afterwards it must have no object that the test did not find there."""
    control = Control(fake.api.path)
    before = control.live()
    yield control
    control.fail_next(0)
    control.return_null(False)
    control.late_events(False)
    assert control.live() == before


@pytest.fixture(scope="session")
def fake_client(fake: pjrt.Plugin) -> Iterator[pjrt.Client]:
    with fake.client() as client:
        yield client


@pytest.fixture(scope="session")
def fake_topology(fake: pjrt.Plugin) -> Iterator[pjrt.Topology]:
    with fake.topology("test") as topology:
        yield topology


@pytest.fixture(scope="session")
def fake_executable(fake: pjrt.Plugin, fake_topology: pjrt.Topology) -> Iterator[pjrt.Executable]:
    with fake.compile("program", fake_topology) as executable:
        yield executable


@pytest.fixture(scope="session")
def fake_buffer(fake_client: pjrt.Client) -> Iterator[pjrt.Buffer]:
    with fake_client.uninitialized_buffer("float32", (8,)) as buffer:
        yield buffer


@pytest.fixture(scope="session")
def without_functions(build_test_plugin: Callable[..., Path]) -> pjrt.Plugin:
    """The test plugin, all of whose extensions have null pointers for functions."""
    return pjrt.load_plugin(build_test_plugin("without_functions", "NULL_FUNCTIONS"))


@pytest.fixture(scope="session")
def short(build_test_plugin: Callable[..., Path]) -> pjrt.Plugin:
    """The test plugin, all of whose extensions end before their first function."""
    return pjrt.load_plugin(build_test_plugin("short", "SHORT_STRUCTS"))
