"""Which handler a method and path belong to."""

from typing import Generic, TypeVar

Target = TypeVar("Target")


class Paths(Generic[Target]):
    """Targets by method and path, where `*` stands for an id; literal paths win over ids."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], list[tuple[list[str], Target]]] = {}

    def add(self, method: str, path: str, target: Target) -> None:
        parts = path.split("/")
        same = self.known.setdefault((method, len(parts)), [])
        same.append((parts, target))
        same.sort(key=lambda item: item[0].count("*"))

    def find(self, method: str, path: str) -> tuple[Target, list[str]] | None:
        parts = path.split("/")
        for pattern, target in self.known.get((method, len(parts)), ()):
            if all(want in ("*", part) for want, part in zip(pattern, parts, strict=True)):
                return target, [part for want, part in zip(pattern, parts, strict=True) if want == "*"]
        return None
