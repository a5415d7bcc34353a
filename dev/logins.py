"""Runs the seed in a process of its own and notes the logins it made, for stack.json and the printed list."""

import asyncio
import importlib
import inspect
import os
import sys
from pathlib import Path

from dev.state import write_json


def main(home: Path) -> None:
    """Call `dev.seed.seed(database_url, media_dir)`; a list it returns is the logins (dicts of strings)."""
    made = importlib.import_module("dev.seed").seed(os.environ["DATABASE_URL"], Path(os.environ["MEDIA_DIR"]))
    if inspect.iscoroutine(made):
        made = asyncio.run(made)
    if isinstance(made, list):
        write_json(home / "logins.json", {"logins": made})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
