"""Options of the printer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._arguments import number

__all__ = ["PrintingOptions"]


@dataclass(frozen=True, kw_only=True)
class PrintingOptions:
    """How operations are printed.

    Attributes:
        elements_limit: Constants of more elements are elided. Defaults to printing all.
        resource_limit: Resources of more characters are elided. Defaults to printing all.
        debug_information: Whether to print locations.
        pretty_debug_information: Whether to print locations in a form that is easy to read but cannot be parsed.
        generic_form: Whether to print every operation as `"dialect.name"(...)`.
        name_locations_as_prefix: Whether values whose location has a name are called by that name.
        local_scope: Whether to print types and attributes in full instead of as aliases.
        assume_verified: Whether to skip checks that keep the printer from failing on programs that are not valid.
        skip_regions: Whether to leave out the regions.
    """

    elements_limit: int | None = None
    resource_limit: int | None = None
    debug_information: bool = False
    pretty_debug_information: bool = False
    generic_form: bool = False
    name_locations_as_prefix: bool = False
    local_scope: bool = False
    assume_verified: bool = False
    skip_regions: bool = False

    def to_bindings(self) -> dict[str, Any]:
        """Returns the keyword arguments of the bindings' printer."""
        return {
            "large_elements_limit": _limit(self.elements_limit, "`elements_limit`"),
            "large_resource_limit": _limit(self.resource_limit, "`resource_limit`"),
            "enable_debug_info": bool(self.debug_information),
            "pretty_debug_info": bool(self.pretty_debug_information),
            "print_generic_op_form": bool(self.generic_form),
            "use_local_scope": bool(self.local_scope),
            "use_name_loc_as_prefix": bool(self.name_locations_as_prefix),
            "assume_verified": bool(self.assume_verified),
            "skip_regions": bool(self.skip_regions),
        }


def _limit(value: int | None, subject: str) -> int | None:
    return None if value is None else number(value, subject, 0)
