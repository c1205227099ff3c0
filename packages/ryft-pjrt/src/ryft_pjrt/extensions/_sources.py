"""What functions of extensions can be called on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from ryft_pjrt.errors import ArgumentTypeError
from ryft_xla_sys import Api

if TYPE_CHECKING:
    from ryft_pjrt.clients import Client
    from ryft_pjrt.plugins import Plugin

    Source: TypeAlias = Plugin | Client
else:
    Source = object

__all__ = ["Source", "api_of"]


def api_of(source: Source) -> Api:
    """Returns the function table of a plugin, or of the plugin of a client.

    Raises:
        ArgumentTypeError: If `source` is neither.
    """
    # A client has a plugin, and a plugin has a table.
    api = getattr(getattr(source, "plugin", source), "api", None)
    if not isinstance(api, Api):
        raise ArgumentTypeError(f"expected a plugin or a client, but got `{type(source).__name__}`")
    return api
