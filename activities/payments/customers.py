"""A buyer as Stripe knows them: by our id alone, no name and no address."""

import stripe

from activities.payments.connection import Connection
from models.ids import UserId


async def find_or_make(connection: Connection, user: UserId, gone: str | None = None) -> str:
    """The provider's customer of this account; made once, however often and from wherever it is asked for.

    The key keeps two that ask at once to one customer, but only for a day; from its second minute on a customer is
    found by our id. `gone`: the one that was deleted there.
    """
    made_already = await find(connection, user)
    for customer in made_already:
        if customer != gone:
            return customer
    made = await connection.ask(
        connection.v1.customers.create_async(
            {"metadata": {"user": str(user)}},
            {"idempotency_key": f"customer:{user}" + (f":after:{gone}" if gone else "")},
        )
    )
    return made.id


async def find(connection: Connection, user: UserId) -> list[str]:
    """Customers that carry our id, oldest first. The provider's search may lag a minute behind its writes."""
    query = f"metadata['user']:'{user}'"
    found = await connection.ask(connection.v1.customers.search_async({"query": query, "limit": 100}))
    return [customer.id for customer in sorted(found.data, key=lambda each: (each.created, each.id))]


def is_gone(error: BaseException | None) -> bool:
    """Whether this says that the customer we named was deleted at the provider."""
    refused = error if isinstance(error, stripe.InvalidRequestError) else getattr(error, "__cause__", None)
    return (
        isinstance(refused, stripe.InvalidRequestError)
        and refused.param == "customer"
        and refused.code == "resource_missing"
    )


def in_key(named: str | None, customer: str | None) -> str:
    """How an idempotency key tells for whom a payment is made: the one that was `named` may be gone."""
    if customer is None:
        return ""
    return ":customer" if named in (None, customer) else ":another"
