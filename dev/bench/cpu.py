"""Who used the processor: CPU seconds of each process of the stack between two looks."""

from collections.abc import Mapping
from contextlib import suppress

import psutil

Spent = dict[str, float]
"""CPU seconds by the name of a part."""


class Meter:
    """Reads the CPU time of some processes and all their children."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = {name: psutil.Process(pid) for name, pid in roots.items()}
        self._seen: dict[tuple[str, int], float] = {}
        self.lap()

    def lap(self) -> Spent:
        """What each spent since the last look. A child that ended in between is not seen any more."""
        spent = dict.fromkeys(self._roots, 0.0)
        for name, root in self._roots.items():
            for process in _family(root):
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    now = times.user + times.system
                    key = name, process.pid
                    spent[name] += now - self._seen.get(key, 0.0)
                    self._seen[key] = now
        return spent


def _family(root: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return [root, *root.children(recursive=True)]
    return []
