"""Text of XLA's HLO modules, which the bindings in `jaxlib` can print."""

from __future__ import annotations

from ryft_xla_sys.errors import InvalidArgumentError

__all__ = ["hlo_text"]


def hlo_text(code: bytes, *, with_config: bool = False) -> str:
    """Returns the text of a serialized `HloModuleProto`, or of a `HloModuleProtoWithConfig` if `with_config`.

    Raises:
        InvalidArgumentError: If the bytes are not such a message, or what it describes is not a module.
    """
    # Not at the top: both take long.
    import jaxlib._jax as bindings
    from google.protobuf.message import DecodeError

    content = bytes(memoryview(code))
    try:
        if with_config:
            from ryft_xla_sys.protos import HloModuleProtoWithConfig

            content = HloModuleProtoWithConfig.FromString(content).hlo_module.SerializeToString()
        return bindings.HloModule.from_serialized_hlo_module_proto(content).to_string()
    except (DecodeError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].strip()
        raise InvalidArgumentError(
            f"expected a serialized HLO module, but got {len(content)} bytes: {reason}"
        ) from None
