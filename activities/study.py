"""Learns from what people buy and look at, some orders or products a step."""

from uuid import UUID

import msgspec
from temporalio import activity

from models.database import Database
from models.tables import study


class GatherPurchases(msgspec.Struct, frozen=True):
    """Keep what was bought with the next orders."""

    most: int
    after: UUID | None = None
    """None: from where the last study ended, and a week before."""


class ForgetOld(msgspec.Struct, frozen=True):
    """Let go of what is too old to count."""

    most: int


class StudyProducts(msgspec.Struct, frozen=True):
    """Look at the next products."""

    most: int
    after: UUID = study.START


class Studied(msgspec.Struct, frozen=True):
    """How far a step came."""

    after: UUID | None
    """Where the next one begins; None: there is none."""


class Forgotten(msgspec.Struct, frozen=True):
    """Whether there may be more to forget."""

    more: bool


class StudyActivities:
    """Needs Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn
    async def gather_purchases(self, request: GatherPurchases) -> Studied:
        """Keep who bought what with the next orders that are paid.

        Changes: purchases.
        Again: what is kept is kept once.
        Undo: nothing.
        """
        async with self._database.writing() as writer:
            after = await study.begin(writer) if request.after is None else request.after
            return Studied(await study.gather(writer, after, request.most))

    @activity.defn
    async def forget_old_traces(self, request: ForgetOld) -> Forgotten:
        """Delete purchases and looks that no count goes back to.

        Changes: purchases, product_views.
        Again: what is gone is gone.
        Undo: nothing, final.
        """
        async with self._database.writing() as writer:
            return Forgotten(await study.forget(writer, request.most))

    @activity.defn
    async def figure_products(self, request: StudyProducts) -> Studied:
        """Count how much the next products are bought and looked at, and how that changes.

        Changes: product_reach, product_figures and with them listings; only what is different.
        Again: comes to the same.
        Undo: nothing.
        """
        async with self._database.writing() as writer:
            return Studied(await study.figure(writer, request.after, request.most))

    @activity.defn
    async def relate_products(self, request: StudyProducts) -> Studied:
        """Find out what goes with the next products.

        Changes: related_products.
        Again: comes to the same.
        Undo: nothing.
        """
        async with self._database.writing() as writer:
            return Studied(await study.relate(writer, request.after, request.most))
