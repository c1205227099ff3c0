"""The phase compile extension: compilation in phases, each of which can be run on its own."""

from __future__ import annotations

from collections.abc import Sequence

from ryft_pjrt.compilation_options import CompilationOptions
from ryft_pjrt.errors import ArgumentError
from ryft_pjrt.extensions._handles import Handle, borrowed_bytes
from ryft_pjrt.extensions._sources import Source, api_of
from ryft_pjrt.topologies import Topology
from ryft_xla_sys import Api
from ryft_xla_sys.ffi import NULL, CData, ffi

__all__ = ["PhaseCompiler"]


class PhaseCompiler(Handle):
    """Compiler whose phases are run one by one."""

    _subject = "phase compiler"

    def __init__(self, source: Source) -> None:
        """Makes a compiler of a plugin, or of the plugin of a client.

        Raises:
            UnimplementedError: If the plugin has none, as on the CPU.
        """
        api = api_of(source)
        # Everything that will be needed to free what is made.
        api.extension_function("PhaseCompile", "phase_compile_c_buffers_destroy")
        api.extension_function("PhaseCompile", "phase_compile_destroy_compiler")
        pointer = api.call_extension("PhaseCompile", "phase_compile_get_compiler").phase_compiler
        super().__init__(
            api,
            pointer,
            lambda pointer: api.call_extension(
                "PhaseCompile", "phase_compile_destroy_compiler", phase_compiler=pointer
            ),
        )

    def phase_names(self) -> tuple[str, ...]:
        """Returns the names of all phases, in their order."""
        with self._pin() as pointer:
            found = self._api.call_extension("PhaseCompile", "phase_compile_get_phase_names", phase_compiler=pointer)
        names = _take(self._api, found.phase_names, found.phase_names_sizes, found.num_phase_names)
        return tuple(name.decode("utf-8", "backslashreplace") for name in names)

    def run(
        self,
        programs: Sequence[bytes],
        phases: Sequence[str],
        topology: Topology,
        options: CompilationOptions | None = None,
    ) -> tuple[bytes, ...]:
        """Runs phases one after the other.

        Args:
            programs: Serialized partial programs (`PjRtPartialProgramProto`).
            phases: Names of the phases.
            topology: Devices to compile for.
            options: How to compile.

        Returns:
            The serialized partial programs that the last phase has made.

        Raises:
            ArgumentError: If there is no phase, or one that the compiler does not have.
            PjrtError: If a program is malformed, or cannot be compiled.
        """
        known = self.phase_names()
        for phase in phases:
            if phase not in known:
                raise ArgumentError(f"`phases` expected names among {known}, but got {phase!r}")
        if not phases:
            raise ArgumentError("`phases` expected at least one name, but got none")
        serialized = (options or CompilationOptions()).serialize()
        inputs, keep_inputs = _arrays([bytes(program) for program in programs])
        names, keep_names = _arrays([phase.encode() for phase in phases])
        with self._pin() as pointer, topology._pin() as pinned:
            found = self._api.call_extension(
                "PhaseCompile",
                "phase_compile_run_phases",
                phase_compiler=pointer,
                input_programs=inputs[0],
                input_programs_sizes=inputs[1],
                num_input_programs=len(programs),
                phases_to_run=names[0],
                phases_to_run_sizes=names[1],
                num_phases_to_run=len(phases),
                compile_options=borrowed_bytes(serialized),
                compile_options_size=len(serialized),
                topology=topology._pointer(pinned),
            )
        del keep_inputs, keep_names
        return _take(self._api, found.output_programs, found.output_programs_sizes, found.num_output_programs)


def _arrays(values: Sequence[bytes]) -> tuple[tuple[CData, CData], list[CData]]:
    """Returns an array of pointers and one of sizes, and the C objects that must stay alive meanwhile."""
    keep = [borrowed_bytes(value) for value in values]
    return (ffi.new("const char *[]", keep), ffi.new("size_t[]", list(map(len, values)))), keep


def _take(api: Api, pointers: CData, sizes: CData, count: int) -> tuple[bytes, ...]:
    """Returns copies of what a plugin has made, and frees it."""
    if pointers == NULL:
        return ()
    try:
        return tuple(bytes(ffi.buffer(pointers[i], sizes[i])) if sizes[i] else b"" for i in range(count))
    finally:
        api.call_extension(
            "PhaseCompile",
            "phase_compile_c_buffers_destroy",
            char_buffers=pointers,
            char_buffer_sizes=sizes,
            num_char_buffers=count,
        )
