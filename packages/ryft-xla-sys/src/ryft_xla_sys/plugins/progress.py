"""Progress bars for what takes long: downloading and unpacking plugins. They show on a terminal and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(description: str, total: int | None) -> Generator[Callable[[int], None]]:
    """Shows a progress bar on the standard error stream, if that is a terminal, and yields what advances it by bytes.

    `total` may be `None` or 0 where the amount of work is not known.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    # The import costs more than all else this package imports, and only those who wait for a download need it.
    from tqdm import tqdm

    with tqdm(desc=description, total=total or None, unit="B", unit_scale=True, unit_divisor=1024, leave=False) as bar:

        def advance(count: int) -> None:
            bar.update(count)

        yield advance
