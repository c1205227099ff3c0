"""Reports of conformance: the outcome of each check, as text and as JSON, and how two reports differ."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from ryft_pjrt.errors import ArgumentError

__all__ = ["Difference", "Outcome", "Report", "Result"]

_FORMAT = 1


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    UNSUPPORTED = "unsupported"
    """The plugin says that it does not have the capability."""
    UNAVAILABLE = "unavailable"
    """It could not be tried, because there is no device of the platform on this machine."""
    FAILED = "failed"
    CRASHED = "crashed"
    """The process that tried it ended."""
    TIMED_OUT = "timed out"


BAD = (Outcome.FAILED, Outcome.CRASHED, Outcome.TIMED_OUT)
"""Outcomes that a plugin should not have."""


@dataclass(frozen=True)
class Result:
    """Outcome of one check.

    Attributes:
        group: Group of the check: the checks of a group share a process.
        name: Name of the check.
        outcome: What became of it.
        detail: What was found, or what went wrong.
    """

    group: str
    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Difference:
    """Check whose outcome differs between two reports; `None` where a report does not have it."""

    group: str
    name: str
    before: Result | None
    after: Result | None

    def __str__(self) -> str:
        before, after = (result.outcome.value if result else "absent" for result in (self.before, self.after))
        return f"{self.group}: {self.name}: {before} -> {after}"


@dataclass(frozen=True)
class Report:
    """Outcomes of all checks of one plugin.

    Attributes:
        plugin: Name or path that was asked for.
        results: Outcomes, in the order of the checks.
        facts: What the plugin says of itself, such as the version of its API.
    """

    plugin: str
    results: Sequence[Result]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def conforms(self) -> bool:
        """Whether nothing has failed, crashed or timed out."""
        return not any(result.outcome in BAD for result in self.results)

    def counts(self) -> dict[Outcome, int]:
        """Returns how many checks have each outcome that occurs."""
        found = Counter(result.outcome for result in self.results)
        return {outcome: found[outcome] for outcome in Outcome if found[outcome]}

    def text(self) -> str:
        """Returns a table of the outcomes, and their counts."""
        width = max((len(result.name) for result in self.results), default=0)
        lines = [f"{self.plugin}: {', '.join(f'{name} {value}' for name, value in self.facts.items())}"]
        group = None
        for result in self.results:
            if result.group != group:
                group = result.group
                lines.append(f"\n{group}")
            detail = result.detail.replace("\n", " ")
            line = f"  {result.name:{width}}  {result.outcome.value:11}  {detail[:160]}"
            lines.append(line.rstrip())
        summary = ", ".join(f"{count} {outcome.value}" for outcome, count in self.counts().items())
        lines.append(f"\n{summary or 'no checks'}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Returns the report as JSON, which `from_json` reads."""
        content = {"format": _FORMAT, "conforms": self.conforms, **asdict(self)}
        return json.dumps(content, indent=2)

    @classmethod
    def from_json(cls, content: str) -> Self:
        """Returns the report in JSON.

        Raises:
            ArgumentError: If it is not a report.
        """
        try:
            data = json.loads(content)
            if data["format"] != _FORMAT:
                raise ValueError(f"its format is {data['format']}")
            results = [Result(**{**item, "outcome": Outcome(item["outcome"])}) for item in data["results"]]
            return cls(data["plugin"], results, data["facts"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArgumentError(
                f"expected a conformance report of format {_FORMAT}, but got something else: {error}"
            ) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Returns the report in a file.

        Raises:
            ArgumentError: If it cannot be read, or is not a report.
        """
        try:
            content = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ArgumentError(f"cannot read the report `{path}`: {error}") from error
        try:
            return cls.from_json(content)
        except ArgumentError as error:
            raise ArgumentError(f"cannot read the report `{path}`: {error}") from error

    def differences(self, other: Report) -> list[Difference]:
        """Returns the checks whose outcome was another in `other`, an earlier report or that of another plugin."""
        before = {(result.group, result.name): result for result in other.results}
        after = {(result.group, result.name): result for result in self.results}
        return [
            Difference(*key, before.get(key), after.get(key))
            for key in dict.fromkeys((*before, *after))
            if _outcome(before.get(key)) != _outcome(after.get(key))
        ]


def _outcome(result: Result | None) -> Outcome | None:
    return result.outcome if result else None
