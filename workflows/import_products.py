"""A catalogue from a file: every row is checked before the first one is written, then batch after batch is."""

from uuid import UUID

import msgspec
from temporalio import workflow

from activities.product_imports import DropFile, GoOn, OpenImport, ProductImportActivities, StopImport
from models.audit import Author
from models.product_import import ImportOpened, ProductImport
from workflows import patience
from workflows.enduring import to_its_end


class ProductsToImport(msgspec.Struct, frozen=True):
    """Somebody has sent a file in, which the storage has as `file`."""

    id: UUID
    author: Author
    file: str
    digest: str
    """SHA-256."""
    size: int
    """Bytes."""
    dry_run: bool
    reason: str | None = None


class AwaitOpening(msgspec.Struct, frozen=True):
    """Ask what is under way."""


@workflow.defn
class ImportProducts:
    """Check all rows of a file; if all are good and it is no dry run, write them in batches; delete the file.

    Id: `product-import/<id>`. Waits: for nothing but its own steps, each tried until it is done. Temporal's cancel
    stops it after the step that runs; what is written then stays.
    """

    @workflow.init
    def __init__(self, request: ProductsToImport) -> None:
        self._request = request
        self._opened: ImportOpened | None = None
        self._called_off = False
        self._is_over = False

    @workflow.run
    async def run(self, request: ProductsToImport) -> None:
        await to_its_end(self._story(), called_off=self._call_off)
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not self._is_over:
            workflow.continue_as_new(request)

    async def _story(self) -> None:
        """To its end, or until there is too much to remember."""
        asked = self._request
        self._opened = await workflow.execute_local_activity_method(
            ProductImportActivities.open_import,
            OpenImport(asked.id, asked.author, asked.file, asked.digest, asked.size, asked.dry_run, asked.reason),
            summary="Write the import down", **patience.DATABASE,
        )  # fmt: skip
        known = self._opened.known
        while not known.status.is_over:
            self._tell(known)
            if self._called_off:
                known = await workflow.execute_local_activity_method(
                    ProductImportActivities.stop_import, StopImport(self._request.id),
                    summary="Stop here", **patience.DATABASE,
                )  # fmt: skip
            elif workflow.info().is_continue_as_new_suggested():
                return
            else:
                known = await workflow.execute_activity_method(
                    ProductImportActivities.go_on_with_import, GoOn(self._request.id),
                    summary=f"Next rows: {known.status} from byte {known.done}", **patience.FILES,
                )  # fmt: skip
        self._tell(known)
        for file in {self._request.file: None, self._opened.file: None}:
            await workflow.execute_activity_method(
                ProductImportActivities.drop_file, DropFile(file), summary="Delete the file", **patience.FILES
            )
        self._is_over = True

    def _call_off(self) -> None:
        self._called_off = True

    def _tell(self, known: ProductImport) -> None:
        workflow.set_current_details(
            f"### Import {known.status}\n\n**Dry run:** {known.dry_run}  \n**Bytes:** {known.done} of {known.size}  \n"
            f"**Rows:** {known.rows}  \n**Problems:** {known.problems}  \n"
            f"**Products:** {known.products_created} new, {known.products_changed} changed  \n"
            f"**Variants:** {known.variants_created} new, {known.variants_changed} changed\n"
        )

    # Messages.

    @workflow.update(description="Answers as soon as the import is written down.")
    async def await_opening(self, request: AwaitOpening) -> ImportOpened:
        await workflow.wait_condition(lambda: self._opened is not None)
        assert self._opened is not None
        return self._opened
