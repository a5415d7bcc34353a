"""The search index filled at once, for tests in which no worker follows the catalogue."""

from models.database import Database
from models.search.embedded import Embedded
from models.search.question import Engine
from models.tables import search_document as index
from models.tables import search_generation as generations


async def index_everything(database: Database, *engines: Engine) -> None:
    """Take in every product as it is now, and let the memory of these engines be no older."""
    engine = Embedded(database)
    async with database.writing_by_driver() as fetch:
        await generations.open_first(fetch, engine.name)
    live = (await generations.known(database, engine.name)).live
    assert live is not None
    rows = await database.fetch("SELECT id FROM products ORDER BY id")
    ids = [row["id"] for row in rows]
    found = await index.documents(database, ids)
    listed = {document.id for document in found}
    await engine.put(live, found, [id for id in ids if id not in listed])
    for each in engines:
        each.forget()
