"""A workshop that makes small plugins: wheels of some kilobytes, a manifest that names them, an index of its own."""

import hashlib
import os
import random
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from ryft_xla_sys.plugins import current_platform

MACHINES = {"x86_64": 0x3E, "aarch64": 0xB7}


@dataclass
class Workshop:
    """Directories of one test, and what makes plugins in them.

    Attributes:
        root: Directory of the test.
        machine: Processor that the test runs on.
        member: Path of the library in the wheels.
    """

    root: Path
    machine: str = current_platform().split("-")[1]
    member: str = "jax_plugins/sample/sample_plugin.so"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def file(self) -> Path:
        """The wheel for this processor, in the index."""
        return self.index / self.wheel_name()

    @property
    def other_machine(self) -> str:
        return next(machine for machine in MACHINES if machine != self.machine)

    def wheel_name(self, machine: str | None = None, version: str = "1.0") -> str:
        return f"sample_pjrt-{version}-py3-none-manylinux_2_27_{machine or self.machine}.whl"

    def library(self, machine: str | None = None, seed: int = 0) -> bytes:
        """Returns what begins like an ELF library, and goes on with noise that does not compress."""
        header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, MACHINES[machine or self.machine])
        return header + random.Random(seed).randbytes(50_000) + b"\0GetPjrtApi\0"

    def digest(self, content: bytes | Path) -> str:
        return hashlib.sha256(content.read_bytes() if isinstance(content, Path) else content).hexdigest()

    def wheel(self, directory: Path, content: bytes, machine: str | None = None, version: str = "1.0") -> Path:
        """Writes a wheel of the sample plugin, with `content` as its library."""
        directory.mkdir(exist_ok=True)
        path = directory / self.wheel_name(machine, version)
        information = f"sample_pjrt-{version}.dist-info"
        tag = path.name.removesuffix(".whl").split("-", 2)[2]
        with zipfile.ZipFile(path, "w") as file:
            for name, data in {
                self.member: content,
                "jax_plugins/sample/__init__.py": b"raise RuntimeError('a plugin was imported')",
                f"{information}/METADATA": f"Metadata-Version: 2.1\nName: sample-pjrt\nVersion: {version}\n".encode(),
                f"{information}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n".encode(),
                f"{information}/entry_points.txt": b"[jax_plugins]\nsample = jax_plugins.sample\n",
                f"{information}/licenses/LICENSE": b"Do as you like.",
                f"{information}/RECORD": b"",
            }.items():
                # A fixed date, so that the same contents always have the same hash.
                file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
        return path

    def install(self, directory: Path, content: bytes, version: str = "1.0") -> Path:
        """Unpacks a wheel of the sample plugin into `directory`, as an installer does, and returns the library."""
        with zipfile.ZipFile(self.wheel(self.root / "built", content, version=version)) as file:
            file.extractall(directory)
        return directory / self.member

    def manifest(self, wheels: dict[str, tuple[Path, bytes]]) -> None:
        """Writes the manifest: the wheel, and the library in it, for each processor."""
        entries = "".join(
            f'\n[[plugins.sample.wheels]]\nplatform = "linux-{machine}"\nfile = "{path.name}"\n'
            f'size = {path.stat().st_size}\nsha256 = "{self.digest(path)}"\n'
            f'library_size = {len(content)}\nlibrary_sha256 = "{self.digest(content)}"\ncomputed = true\n'
            for machine, (path, content) in wheels.items()
        )
        (self.root / "manifest.toml").write_text(
            'schema = 1\n[plugins.sample]\ntitle = "Sample"\ndistribution = "sample-pjrt"\nversion = "1.0"\n'
            f'member = "{self.member}"\nenvironment_variable = "PJRT_PLUGIN_SAMPLE_LIB"\n'
            f'entry_points = ["jax_plugins:sample"]\n{entries}'
        )

    def cached_files(self) -> list[str]:
        """Returns the files in the cache, but for its locks."""
        files = [path for path in self.cache.rglob("*") if path.is_file() and path.suffix != ".lock"]
        return sorted(str(path.relative_to(self.cache)) for path in files)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A workshop whose index holds the sample plugin, as the manifest says."""
    if current_platform() not in ("linux-x86_64", "linux-aarch64"):
        pytest.skip(f"the sample plugins are for Linux, and this is {current_platform()}")
    made = Workshop(tmp_path)
    for name in list(os.environ):
        if name.startswith(("PJRT_PLUGIN_", "RYFT_XLA_SYS_", "PIP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RYFT_XLA_SYS_CACHE", str(made.cache))
    monkeypatch.setenv("RYFT_XLA_SYS_MANIFEST", str(tmp_path / "manifest.toml"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(made.index))
    libraries = {machine: made.library(machine) for machine in MACHINES}
    made.manifest(
        {machine: (made.wheel(made.index, content, machine), content) for machine, content in libraries.items()}
    )
    return made
