"""Builders: somebody who leaves traces wherever a shop has room for them, and the search for these traces."""

from datetime import timedelta

import msgspec
import sqlalchemy as sa

from models import clock
from models.address import Address
from models.database import Database, Writer
from models.ids import UserId, new_id
from models.roles import Role
from models.tables import coupon, notification, outbox, password_reset, payment_method, review, session, user, wishlist
from models.tables.address import addresses
from models.tables.base import metadata
from models.tables.catalog import products
from models.tables.checkout import requests
from models.tables.credit import credit_accounts, credit_entries
from models.tables.inbox import webhooks
from tests import people


class Person(msgspec.Struct, frozen=True):
    """Words that nobody else uses."""

    first: str = "Zerubbabel"
    last: str = "Quicksilver"
    email: str = "zq7431@traces.example"
    street: str = "77 Unfindable Lane"
    phone: str = "+49 30 7431 7431"
    customer: str = "cus_7431"
    """Who they are to the payment provider: says nothing to anybody else."""

    @property
    def address(self) -> Address:
        """Where they live."""
        return Address(
            full_name=f"{self.first} {self.last}", line1=self.street, line2=f"c/o {self.last}", city="New York",
            postal_code="10001", country="US", region="NY", phone=self.phone,
        )  # fmt: skip

    @property
    def words(self) -> list[str]:
        """All of them, lower case."""
        return [word.lower() for word in (self.first, self.last, self.email, self.street, self.phone)]


ZERUBBABEL = Person()


async def account(writer: Writer, person: Person = ZERUBBABEL, *roles: Role) -> UserId:
    """Their account."""
    me = UserId(new_id())
    await writer.execute(
        sa.insert(user.users).values(
            id=me, email=person.email, first_name=person.first, last_name=person.last, phone=person.phone,
            roles=list(roles or (Role.CUSTOMER,)), password_hash="kept", provider_customer=person.customer,
            locale="de-AT", marketing_consent=True, marketing_consent_at=clock.now(), last_login_at=clock.now(),
        )
    )  # fmt: skip
    return me


async def leave(writer: Writer, me: UserId, person: Person = ZERUBBABEL) -> None:
    """Something of theirs in each table that can hold something; orders and carts are made by those who sell."""
    said, address = f"{person.first} {person.last}", msgspec.to_builtins(person.address)
    for kind in ("shipping", "billing"):
        await writer.execute(sa.insert(addresses).values(id=new_id(), user_id=me, kind=kind, **address))
    product = (await writer.execute(sa.select(products.c.id).order_by(products.c.id).limit(1))).scalar_one()
    stranger, theirs = await people.account(writer), new_id()
    await writer.execute(
        sa.insert(review.reviews).values(
            id=theirs, product_id=product, user_id=stranger, stars=4, status="published", verified_purchase=False
        )
    )
    tables = {
        review.reviews: {
            "id": new_id(), "product_id": product, "user_id": me, "stars": 1, "title": said, "body": person.street,
            "status": "published", "verified_purchase": False,
        },
        review.review_votes: {"review_id": theirs, "user_id": me},
        wishlist.wishlist_items: {"user_id": me, "product_id": product},
        notification.notifications: {
            "id": new_id(), "user_id": me, "cause": f"x/{me}", "kind": "order_cancelled", "facts": {"reason": said},
        },
        payment_method.payment_methods: {
            "reference": f"pm_{me.hex}", "user_id": me, "provider": "stripe", "brand": "visa", "last4": "4242",
            "exp_month": 1, "exp_year": 2030, "is_default": True,
        },
        session.sessions: {
            "id": new_id(), "user_id": me, "expires_at": clock.now() + timedelta(days=7),
            "user_agent": f"{person.first}'s phone",
        },
        password_reset.password_resets: {
            "id": new_id(), "email_key": f"key of {person.email}", "user_id": me, "expires_at": clock.now(),
        },
        requests: {"scope": f"user/{me}/POST /addresses", "key": said, "digest": "x", "answer": address},
        outbox.outbox: {
            "id": new_id(), "topic": "mail", "user_id": me, "cause": f"welcome/{me}", "settled_at": clock.now(),
            "payload": {"template": "welcome", "name": said}, "error": f"no such mailbox: {person.email}",
        },
    }  # fmt: skip
    for table, values in tables.items():
        await writer.execute(sa.insert(table).values(**values))
    credit = new_id()
    await writer.execute(
        sa.insert(credit_accounts).values(id=credit, kind="store_credit", user_id=me, currency="usd", balance=700)
    )
    await writer.execute(
        sa.insert(credit_entries).values(
            id=new_id(), account_id=credit, operation=f"adjust/{credit}", amount=700, actor="staff", reason="sorry"
        )
    )


async def redeem(writer: Writer, me: UserId, order: object, person: Person = ZERUBBABEL) -> None:
    """A coupon that they used up with an order."""
    code = new_id()
    await writer.execute(
        sa.insert(coupon.coupons).values(id=code, code=f"C{code.hex}".upper(), kind="percentage", ppm=1)
    )
    await writer.execute(
        sa.insert(coupon.coupon_redemptions).values(
            coupon_id=code, order_id=order, status="committed", user_id=me, email=person.email, amount=1, currency="usd"
        )
    )


async def event(writer: Writer, workflow: str | None, customer: str | None = None, person: Person = ZERUBBABEL) -> None:
    """What the provider tells of who paid."""
    body = f'{{"billing_details": {{"name": "{person.last}", "email": "{person.email}", "phone": "{person.phone}"}}}}'
    await writer.execute(
        sa.insert(webhooks).values(
            provider="stripe", event_id=f"evt_{new_id().hex}", type="charge.succeeded", body=body,
            workflow_id=workflow, customer=customer,
        )
    )  # fmt: skip


async def found(database: Database, person: Person = ZERUBBABEL) -> dict[str, list[str]]:
    """Every row of every table in which a word of theirs stands, by table."""
    traces: dict[str, list[str]] = {}
    for name in sorted(metadata.tables):
        for row in await database.fetch(f"SELECT t::text AS row FROM {name} t"):
            if any(word in row["row"].lower() for word in person.words):
                traces.setdefault(name, []).append(row["row"])
    return traces
