"""Tests of the cache of executables on disk."""

import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

import ryft_pjrt as pjrt
from ryft_pjrt import executable_cache
from ryft_pjrt.errors import ArgumentError


def entries(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.executable"))


def check(client: pjrt.Client, executable: pjrt.LoadedExecutable) -> None:
    x = client.buffer(numpy.arange(8, dtype=numpy.float32))
    assert executable(x, x).to_numpy().tolist() == [0, 2, 4, 6, 8, 10, 12, 14]


def test_second_compilation_is_loaded(client: pjrt.Client, programs: object, tmp_path: Path) -> None:
    cache = pjrt.ExecutableCache(tmp_path)

    for hits in range(3):
        check(client, client.compile(programs.ADD, cache=cache))
        assert (cache.hits, cache.misses, len(entries(tmp_path))) == (hits, 1, 1)
    assert cache.size_in_bytes == entries(tmp_path)[0].stat().st_size
    cache.clear()
    assert (cache.size_in_bytes, entries(tmp_path)) == (0, [])


def test_everything_that_matters_is_in_the_key(
    client: pjrt.Client, plugin: pjrt.Plugin, programs: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = pjrt.ExecutableCache(tmp_path)
    program, options = pjrt.Program(programs.ADD), pjrt.CompilationOptions()
    keys = {cache.key(client, program, options)}

    keys.add(cache.key(client, pjrt.Program(programs.ADD + " "), options))
    keys.add(cache.key(client, program, pjrt.CompilationOptions(profile_version=3)))
    keys.add(cache.key(client, pjrt.Program(programs.ADD, "hlo"), options))
    with plugin.client({"cpu_device_count": 2}) as other:
        keys.add(cache.key(other, program, options))
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    keys.add(cache.key(client, program, options))
    monkeypatch.setattr(executable_cache, "_processor", lambda: b"another")
    keys.add(cache.key(client, program, options))

    assert len(keys) == 7


def test_processors_are_told_apart() -> None:
    assert executable_cache._processor().startswith(platform.machine().encode())


def test_contents_of_the_plugin_are_in_the_key(client: pjrt.Client, tmp_path: Path) -> None:
    cache = pjrt.ExecutableCache(tmp_path)
    library = tmp_path / "plugin.so"
    digests = set()
    for content in (b"one", b"two!"):
        library.write_bytes(content)
        digests.add(cache._plugin_digest(library))

    assert len(digests) == 2
    assert cache._plugin_digest(library) in digests
    for kept in tmp_path.glob("*.digest"):
        kept.write_text("damaged")
    assert cache._plugin_digest(library) in digests


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "garbage"])
def test_damaged_entries_are_compiled_anew(client: pjrt.Client, programs: object, tmp_path: Path, damage: str) -> None:
    cache = pjrt.ExecutableCache(tmp_path)
    client.compile(programs.ADD, cache=cache)
    (entry,) = entries(tmp_path)
    data = entry.read_bytes()
    flipped = data[:1000] + bytes([data[1000] ^ 4]) + data[1001:]
    entry.write_bytes({"empty": b"", "short": data[:-5], "flipped": flipped, "garbage": b"x" * 5000}[damage])

    check(client, client.compile(programs.ADD, cache=cache))
    assert (cache.hits, cache.misses) == (0, 2)
    check(client, client.compile(programs.ADD, cache=cache))
    assert cache.hits == 1


def test_oldest_entries_make_room(client: pjrt.Client, programs: object, tmp_path: Path) -> None:
    variants = [programs.ADD + " " * i for i in range(4)]
    probe = pjrt.ExecutableCache(tmp_path / "probe")
    client.compile(programs.ADD, cache=probe)
    cache = pjrt.ExecutableCache(tmp_path / "cache", limit_in_bytes=int(probe.size_in_bytes * 2.5))
    for age, variant in enumerate(variants[:2]):
        client.compile(variant, cache=cache)
        key = cache.key(client, pjrt.Program(variant), pjrt.CompilationOptions())
        os.utime(cache.directory / f"{key}.executable", (age, age))

    client.compile(variants[0], cache=cache)
    client.compile(variants[2], cache=cache)

    assert cache.size_in_bytes <= cache.limit_in_bytes
    client.compile(variants[0], cache=cache)
    client.compile(variants[2], cache=cache)
    assert (cache.hits, cache.misses) == (3, 3)


def test_entries_larger_than_the_limit_are_not_kept(client: pjrt.Client, programs: object, tmp_path: Path) -> None:
    cache = pjrt.ExecutableCache(tmp_path, limit_in_bytes=10)

    check(client, client.compile(programs.ADD, cache=cache))
    assert entries(tmp_path) == []
    with pytest.raises(ArgumentError, match="`limit_in_bytes` expected an integer from 1 to"):
        pjrt.ExecutableCache(tmp_path, 0)


def test_unusable_directories_do_no_harm(client: pjrt.Client, programs: object, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    check(client, client.compile(programs.ADD, cache=pjrt.ExecutableCache(blocked)))
    assert blocked.read_text() == "in the way"


def test_processes_share_the_cache(run_child: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    code = f"""
client = pjrt.load_cpu_plugin().client()
cache = pjrt.ExecutableCache({str(tmp_path)!r}, limit_in_bytes=10000)
def work():
    for i in range(6):
        x = client.buffer(numpy.ones(8, numpy.float32))
        assert client.compile(ADD + " " * (i % 4), cache=cache)(x, x).to_numpy().sum() == 16
threads = [threading.Thread(target=work) for _ in range(2)]
[t.start() for t in threads]; [t.join() for t in threads]
print("done")
"""
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _: run_child(code, timeout=100), range(2)))

    assert [(result.returncode, result.stdout) for result in results] == [(0, "done\n")] * 2, results[0].stderr
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []
    assert sum(path.stat().st_size for path in entries(tmp_path)) <= 15000
