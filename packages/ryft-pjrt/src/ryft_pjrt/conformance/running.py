"""Runs the checks of a plugin in child processes: one for each group, and another one after each crash."""

from __future__ import annotations

import faulthandler
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from ryft_pjrt.conformance import buffer_checks, client_checks, extension_checks, plugin_checks, program_checks
from ryft_pjrt.conformance.checks import CHECKS, Check, Context, NoClientError
from ryft_pjrt.conformance.reports import Outcome, Report, Result
from ryft_pjrt.errors import ArgumentError, PluginError, UnimplementedError
from ryft_pjrt.plugins import Plugin, load_plugin
from ryft_xla_sys.plugins import load_manifest, load_named_plugin

__all__ = ["groups", "run_child", "run_conformance"]

# Importing a module has registered its checks; the groups run in this order.
_GROUPS = tuple(
    group
    for module in (plugin_checks, client_checks, buffer_checks, program_checks, extension_checks)
    for group, checks in CHECKS.items()
    if next(iter(checks.values())).function.__module__ == module.__name__
)
_MARK = "ryft-conformance: "
_PYTHON_REPORT = (" ", "Current thread", "Thread 0x", "Fatal Python error", "Extension modules")


def groups() -> tuple[str, ...]:
    """Returns the names of the groups of checks."""
    return _GROUPS


def run_conformance(
    plugin: str,
    *,
    options: Mapping[str, object] | None = None,
    only: Sequence[str] = (),
    timeout: float = 120,
    progress: Callable[[Result], object] = lambda result: None,
) -> Report:
    """Runs all checks of a plugin, and returns what became of them. No fault of the plugin's affects this process.

    Args:
        plugin: Name of a plugin, as `cpu` or `cuda-13`, or path of its library.
        options: Options of the clients that are made, by the plugin's own names.
        only: Groups to run, by default all.
        timeout: Longest time that one check may take, in seconds.
        progress: Called with each result as it is known.

    Raises:
        ArgumentError: If there is no group of a name in `only`.
        PluginError: If there is no such plugin, or its file is not one.
    """
    for group in only:
        if group not in _GROUPS:
            raise ArgumentError(f"`only` expected groups among {_GROUPS}, but got {group!r}")
    facts: dict[str, Any] = {}
    results: list[Result] = []
    for group in only or _GROUPS:
        for result in _run_group(plugin, group, options or {}, timeout, facts):
            results.append(result)
            progress(result)
    return Report(plugin, results, facts)


def _run_group(
    plugin: str, group: str, options: Mapping[str, object], timeout: float, facts: dict[str, Any]
) -> Iterator[Result]:
    """Yields the results of a group, starting a new process after each check that ends one."""
    remaining = list(CHECKS[group])
    while remaining:
        child = _Child(plugin, group, remaining, options, timeout)
        for message in child.messages():
            if "facts" in message:
                facts.update(message["facts"])
            elif "done" in message:
                remaining.remove(message["done"])
                yield Result(group, message["done"], Outcome(message["outcome"]), message["detail"])
        if remaining:
            name = child.running or remaining[0]
            remaining.remove(name)
            yield Result(group, name, *child.end())
            if not child.started:
                # The plugin cannot even be loaded: the other checks would end in the same way.
                for other in remaining:
                    yield Result(group, other, *child.end())
                return


class _Child:
    """One child process.

    Attributes:
        running: Name of the check that is running.
        started: Whether the plugin was loaded.
    """

    def __init__(
        self, plugin: str, group: str, names: Sequence[str], options: Mapping[str, object], timeout: float
    ) -> None:
        self.running: str | None = None
        self.started = False
        self._timeout = timeout
        self._errors: list[str] = []
        task = {"plugin": plugin, "group": group, "names": list(names), "options": dict(options), "timeout": timeout}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ryft_pjrt", "conform-child", json.dumps(task)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yields what the child says, until it ends or says nothing for too long."""
        output, errors = self._process.stdout, self._process.stderr
        if output is None or errors is None:
            raise RuntimeError("a process was started without pipes")
        with self._process:
            try:
                reader = threading.Thread(target=self._read_errors, args=(errors,), daemon=True)
                reader.start()
                for line in output:
                    yield from self._message(line)
                self._process.wait()
                reader.join()
            finally:
                self._process.kill()  # If it is still there, nobody wants to know of it.

    def _message(self, line: str) -> Iterator[dict[str, Any]]:
        if not line.startswith(_MARK):
            return
        message = json.loads(line.removeprefix(_MARK))
        if "unusable" in message:
            raise PluginError(message["unusable"])
        self.started = True
        self.running = message.get("start")
        yield message

    def _read_errors(self, stream: TextIO) -> None:
        for line in stream:
            self._errors.append(line.rstrip())

    def end(self) -> tuple[Outcome, str]:
        """Returns how the child ended, for the check that it was running."""
        code = self._process.returncode
        if any(line.startswith("Timeout (") for line in self._errors):
            return Outcome.TIMED_OUT, f"it was not finished after {self._timeout:g} seconds"
        try:
            how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        except ValueError:
            how = f"signal {-code}"
        # Python's own report of the crash says less than what the plugin wrote before it.
        said = [line for line in self._errors if line.strip() and not line.startswith(_PYTHON_REPORT)]
        return Outcome.CRASHED, f"{how}: {said[-1] if said else 'it said nothing'}"


def run_child(task: str) -> None:
    """Runs the checks that `task`, in JSON, names, and writes the outcome of each to the standard output."""
    given = json.loads(task)
    faulthandler.enable()
    try:
        plugin = _load(given["plugin"])
    except PluginError as error:
        _say({"unusable": str(error)})
        return
    version = str(plugin.version)
    _say({"facts": {"library": plugin.api.path.name, "api": version, "platform": plugin.platform}})
    context = Context(plugin, given["options"])
    for name in given["names"]:
        _say({"start": name})
        faulthandler.dump_traceback_later(given["timeout"], exit=True)
        outcome, detail = _outcome(CHECKS[given["group"]][name], context)
        faulthandler.cancel_dump_traceback_later()
        _say({"done": name, "outcome": outcome, "detail": detail})
    context.close()


def _load(plugin: str) -> Plugin:
    if plugin in load_manifest().plugins:
        return Plugin(load_named_plugin(plugin), plugin)
    return load_plugin(plugin)


def _outcome(check: Check, context: Context) -> tuple[Outcome, str]:
    try:
        found = check.function(context)
    except UnimplementedError as error:
        return Outcome.UNSUPPORTED, str(error)
    except NoClientError as error:
        return Outcome.UNAVAILABLE, str(error)
    except Exception as error:  # Whatever it is, it is the outcome of this check, and the others go on.
        return Outcome.FAILED, f"{type(error).__name__}: {error}"
    return Outcome.PASSED, "" if found is None else str(found)


def _say(message: Mapping[str, object]) -> None:
    # The plugin may write to the standard output, too, and leave a line unfinished.
    sys.stdout.write(f"\n{_MARK}{json.dumps(message)}\n")
    sys.stdout.flush()
