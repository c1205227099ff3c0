"""A process of its own for what may end the process: the reference interpreter, and reading bytes that may be damaged.

It starts with the first request, serves all later ones, and is replaced when it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import IO, Any

__all__ = ["SERVER", "ServerError", "receive", "send"]


class ServerError(Exception):
    """The process ended, or did not answer in time; the message says which."""


class Server:
    """Owns the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.errors: IO[bytes] = io.BytesIO()

    def request(self, message: object, timeout: float, *, end_after: Callable[[Any], bool] | None = None) -> Any:
        """Sends a message and waits for the answer.

        Args:
            message: What to send.
            timeout: After how many seconds to give up.
            end_after: Whether to end the process after an answer, because its memory may be damaged.

        Raises:
            ServerError: If the process ends meanwhile, or does not answer in time.
        """
        with self.lock:
            process = self._start()
            # A request that hangs is ended from here; reading then fails as if the process had ended by itself.
            timer = threading.Timer(timeout, process.kill)
            timer.start()
            try:
                send(process.stdin, message)
                answer = receive(process.stdout)
            except (EOFError, BrokenPipeError, OSError):
                timed_out = not timer.is_alive()
                raise ServerError(self._last_words(process, timed_out, timeout)) from None
            finally:
                timer.cancel()
            if end_after is not None and end_after(answer):
                self._end()
            return answer

    def stop(self) -> None:
        """Ends the process."""
        with self.lock:
            self._end()

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._close(self.process)
            self.errors.close()

    def _close(self, process: subprocess.Popen[bytes]) -> None:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.process = None

    def _start(self) -> subprocess.Popen[bytes]:
        if self.process is None or self.process.poll() is not None:
            command = [sys.executable, "-m", "ryft_mlir._server_process"]
            pipe = subprocess.PIPE
            # A file and not a pipe, which MLIR could fill up.
            self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.errors)
        return self.process

    def _last_words(self, process: subprocess.Popen[bytes], timed_out: bool, timeout: float) -> str:
        if timed_out:
            process.kill()
        status = process.wait()
        self._close(process)
        with self.errors as errors:
            errors.seek(0)
            lines = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
        if timed_out:
            return f"did not finish within {timeout:g} seconds"
        ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        reason = next((line for line in lines if "ERROR" in line or "error" in line), ended)
        return f"ended: {reason.strip()}"


def send(stream: IO[bytes] | None, message: object) -> None:
    """Writes one message to a pipe."""
    if stream is None:
        raise BrokenPipeError("the process has no input")
    data = pickle.dumps(message)
    stream.write(struct.pack("<Q", len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes] | None) -> Any:
    """Reads one message from a pipe.

    Raises:
        EOFError: If the other end is closed.
    """
    header = b"" if stream is None else stream.read(8)
    if stream is None or len(header) < 8:
        raise EOFError("the process has ended")
    return pickle.loads(stream.read(struct.unpack("<Q", header)[0]))


SERVER = Server()
atexit.register(SERVER.stop)
