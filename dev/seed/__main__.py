"""`python -m dev.seed`: fills the database at DATABASE_URL and the folder MEDIA_DIR; again: changes nothing.

`--products 100000` adds made-up ones until there are so many of those: for measuring.
"""

import argparse
import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from dev.logins import EMAILS, variable
from dev.seed.accounts import welcome
from dev.seed.crowd import crowd
from dev.seed.fill import fill, hang_pictures
from models.database import LONGEST, Database
from models.roles import Role
from models.settings import database_url


async def seed(url: str, media: Path, passwords: Mapping[Role, str]) -> str:
    """Pictures first, so that no product ever points at a missing one. Returns a line that says what was done.

    passwords: of the sample accounts to open.
    """
    pictures = hang_pictures(media)
    database = Database(url, size=1, longest=LONGEST)  # some statements here are hundreds of rows
    try:
        async with database.writing() as writer:
            added = await fill(writer)
            added["accounts"] = await welcome(writer, passwords)
    finally:
        await database.close()
    done = [f"{count} {kind}" for kind, count in (added | {"pictures": pictures}).items() if count]
    return f"seeded {', '.join(done)}" if done else "nothing to seed: the shop is filled already"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.seed", description="Fill an empty shop with sample goods.")
    parser.add_argument("--database-url", help="default: DATABASE_URL")
    parser.add_argument("--products", type=int, metavar="N", help="instead of the sample goods: N products made up")
    parser.add_argument("--media-dir", type=Path, help="default: MEDIA_DIR, else media/")
    options = parser.parse_args()
    url = options.database_url or database_url()
    if options.products is not None:
        print(f"made {asyncio.run(crowd(url, options.products))} products")
        return
    media = options.media_dir or Path(os.environ.get("MEDIA_DIR") or "media")
    passwords = {role: password for role in EMAILS if (password := os.environ.get(variable(role)))}
    print(asyncio.run(seed(url, media, passwords)))


if __name__ == "__main__":
    main()
