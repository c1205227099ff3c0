"""The text of HLO modules, and what is refused."""

import pytest

from ryft_xla_sys.errors import InvalidArgumentError
from ryft_xla_sys.hlo import hlo_text
from ryft_xla_sys.protos import HloModuleProto, HloModuleProtoWithConfig, PrimitiveType


def identity() -> HloModuleProto:
    """Returns a module whose result is its parameter."""
    module = HloModuleProto(name="identity", entry_computation_id=5)
    computation = module.computations.add(id=5, root_id=7, name="main")
    parameter = computation.instructions.add(id=7, opcode="parameter", name="x")
    parameter.shape.element_type = PrimitiveType.F32
    module.host_program_shape.result.element_type = PrimitiveType.F32
    module.host_program_shape.parameters.add(element_type=PrimitiveType.F32)
    module.host_program_shape.parameter_names.append("x")
    return module


@pytest.mark.parametrize("with_config", [False, True])
def test_module_becomes_text(with_config: bool) -> None:
    module = identity()
    message = HloModuleProtoWithConfig(hlo_module=module) if with_config else module

    text = hlo_text(message.SerializeToString(), with_config=with_config)
    assert text.startswith("HloModule identity, entry_computation_layout={(f32[])->f32[]}")
    assert "ROOT x = f32[] parameter(0)" in text.replace("%", "")


@pytest.mark.parametrize("with_config", [False, True])
@pytest.mark.parametrize("code", [b"", b"junk", b"\xff" * 10, bytearray(100)])
def test_bytes_that_are_no_module_are_refused(code: bytes, with_config: bool) -> None:
    with pytest.raises(InvalidArgumentError, match=f"expected a serialized HLO module, but got {len(code)} bytes: "):
        hlo_text(code, with_config=with_config)


def test_module_that_makes_no_sense_is_refused_in_one_line() -> None:
    module = identity()
    module.computations[0].instructions[0].opcode = "while"

    with pytest.raises(InvalidArgumentError, match="expected a serialized HLO module, but got") as info:
        hlo_text(module.SerializeToString())
    assert "\n" not in str(info.value)
