"""The compensation stack: what to undo when an order cannot go on, newest first."""

from collections.abc import Awaitable, Callable


class UndoStack:
    """Undos of this run's own steps. Push before the step: it may have happened although it failed."""

    def __init__(self) -> None:
        self._undos: list[Callable[[], Awaitable[None]]] = []

    def push(self, undo: Callable[[], Awaitable[None]]) -> None:
        """Remember how to undo the step that comes next; `undo` must be harmless if that step never happened."""
        self._undos.append(undo)

    def pass_the_point_of_no_return(self) -> None:
        """From here on nothing is undone; the order only rolls forward."""
        self._undos.clear()

    async def unwind(self) -> None:
        """Undo, newest first. Each undo brings its own patience; none is skipped because another failed."""
        while self._undos:
            await self._undos[-1]()
            self._undos.pop()
