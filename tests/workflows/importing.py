"""Files of products that are sent in, and how far each has come."""

from typing import Any
from uuid import UUID

from temporalio.client import WorkflowHandle

from models import csv_lines
from models.audit import Author
from models.ids import UserId, new_id
from models.product_import import ProductImport, import_workflow_id
from models.storage import IMPORTS, Storage
from models.tables import product_import as imports
from tests.flow import Flow
from workflows.import_products import ImportProducts, ProductsToImport
from workflows.patience import ORDERS

COLUMNS = ["product", "name", "category", "sku", "weight", "price_usd"]


def rows(count: int) -> bytes:
    """So many products of one variant."""
    lines = [csv_lines.line_of(COLUMNS)]
    lines += [csv_lines.line_of([f"p{each}", f"P {each}", "all", f"SKU-{each}", "1", "1.00"]) for each in range(count)]
    return "".join(lines).encode()


class Imports:
    """Files that are sent in."""

    def __init__(self, flow: Flow, storage: Storage) -> None:
        self.flow = flow
        self.storage = storage

    async def begin(self, data: bytes, id: UUID, dry_run: bool = False) -> WorkflowHandle[Any, Any]:
        """Send a file in, as the API does."""
        file = f"{IMPORTS}/{id}.csv"
        await self.storage.put(file, data)
        asked = ProductsToImport(id, Author(UserId(new_id())), file, "digest", len(data), dry_run)
        with self.flow.skipper.with_time_skipping_disabled():
            return await self.flow.client.start_workflow(
                ImportProducts.run, asked, id=import_workflow_id(id), task_queue=ORDERS
            )

    async def now(self, id: UUID) -> ProductImport:
        """How far it has come."""
        async with self.flow.database.reading() as reader:
            found = await imports.opened(reader, id)
        assert found is not None
        return found.known

    async def products(self) -> int:
        """How many there are."""
        found = await self.flow.database.fetch("SELECT count(*) FROM products")
        return int(found[0]["count"])

    async def left(self, id: UUID) -> tuple[Any, list[Any]]:
        """What is left of the file, and of what was remembered while it was checked."""
        names = await self.flow.database.fetch("SELECT * FROM product_import_names WHERE import_id = $1", id)
        return await self.storage.get(f"{IMPORTS}/{id}.csv"), names
