"""Text of XLA's HLO modules, which the bindings in `jaxlib` can print."""

from __future__ import annotations

__all__ = ["hlo_text"]


def hlo_text(code: bytes, *, with_config: bool = False) -> str:
    """Returns the text of a serialized `HloModuleProto`, or of a `HloModuleProtoWithConfig` if `with_config`.

    Raises:
        ValueError: If the bytes are not such a message.
    """
    import jaxlib._jax as bindings  # Not at the top: it takes most of a second.

    if with_config:
        from ryft_xla_sys.protos import HloModuleProtoWithConfig

        code = HloModuleProtoWithConfig.FromString(code).hlo_module.SerializeToString()
    return bindings.HloModule.from_serialized_hlo_module_proto(code).to_string()
