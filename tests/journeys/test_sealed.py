"""Nothing that Temporal keeps tells who buys: a buyer does what can be done, and each raw byte is looked through."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import anyio
import msgspec
from temporalio.api.common.v1 import Payloads, WorkflowExecution
from temporalio.api.query.v1 import WorkflowQuery
from temporalio.api.workflowservice.v1 import QueryWorkflowRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from models import clock
from models.reports.report import ReportKind
from models.roles import Role
from tests import seals
from tests.desk import Clerk
from tests.journeys.test_privacy import register, stranger
from tests.premises import House, Shopper
from workflows.notify import NOTIFY_ID

LONG_AGO = date(2019, 10, 29)
"""No other test has traded on it, or asked for a report of it."""
SEALED = {"YmluYXJ5L2VuY3J5cHRlZA==", "YmluYXJ5L251bGw="}
"""How payloads may be encoded: sealed, or nothing at all."""
OURS = {"searchAttributes", "indexedFields", "header", "dynamicConfig"}
"""Beside them: what one has to filter by, and the ids of the request."""


def payloads(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Encoding and place of every payload that is to be sealed."""
    if isinstance(part, list):
        for each in part:
            yield from payloads(each, path)
    elif isinstance(part, dict) and "encoding" in (part.get("metadata") or {}):
        yield part["metadata"]["encoding"], "/".join(path)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name not in OURS:
                yield from payloads(value, (*path, name))


def failures(part: Any) -> Iterator[str]:
    """The words of every failure of ours."""
    if isinstance(part, list):
        for each in part:
            yield from failures(each)
    elif isinstance(part, dict):
        if part.get("source") == "PythonSDK":
            yield part.get("message", "")
        for value in part.values():
            yield from failures(value)


async def card(temporal: Client, handle: WorkflowHandle[Any, Any]) -> bytes:
    """What the UI shows of it, as it goes over the wire."""
    execution: Any = WorkflowExecution(workflow_id=handle.id)
    query: Any = WorkflowQuery(query_type="__temporal_workflow_metadata", query_args=Payloads())
    answer = await temporal.workflow_service.query_workflow(
        QueryWorkflowRequest(namespace=temporal.namespace, execution=execution, query=query)
    )
    return answer.SerializeToString()


async def test_nothing_that_temporal_keeps_tells_who_buys(house: House) -> None:
    """Given whatever a buyer and staff about them can do, then no raw byte has a word of the buyer's.

    An account, orders, a refund, a return, a file of all that is known, reports, a lost password and a goodbye: neither
    history, memo, card, attribute nor failure has one; opened with our keys, histories have all of them.
    """
    begun, person, sku = clock.now(), stranger(), await house.stock(9)
    me = await register(house, person)
    user, home = UUID(me["user"]["id"]), msgspec.to_builtins(person.address)
    told = f"{person.first} of {person.street} says so, call {person.phone}"
    async with house.client(Authorization=f"Bearer {me['access_token']}") as client, house.client() as inside:
        shopper, clerk = Shopper(house, client), await Clerk.hire(house, inside)
        await shopper.put(sku)
        form = shopper.order_form(await shopper.quote(), "pm_card_visa", email=person.email, shipping_address=home)
        placed = (await shopper.check_out(form)).json()["order"]
        await shopper.order_when(placed, "confirmed")
        assert (await clerk.do(placed["number"], "ship", carrier="UPS", tracking="1Z")).status_code == 200
        assert (await clerk.do(placed["number"], "cancel", reason=told)).status_code == 409
        given = await clerk.do(placed["number"], "refund", amount={"amount": 100, "currency": "usd"}, reason=told)
        assert given.status_code in (201, 202), given.text
        wish = {"items": [{"sku": sku, "quantity": 1}], "reason": told}
        returned = await client.post(f"/orders/{placed['number']}/returns", json=wish)
        assert returned.status_code == 201, returned.text
        await shopper.put(sku)
        form = shopper.order_form(
            await shopper.quote(), "pm_card_chargeDeclined", email=person.email, shipping_address=home
        )
        declined = await shopper.check_out(form)
        assert declined.status_code == 402, declined.text
        number = declined.json()["facts"]["order"]["number"]
        assert (await client.post(f"/orders/{number}/cancel", json={"reason": told})).status_code == 200
        asked = {"email": person.email}
        forgot = await client.post("/auth/password/forgot", json=asked, headers={"Idempotency-Key": f"k-{user}"})
        assert forgot.status_code == 202, forgot.text
        await house.letter_when(person.email, "Your code for a new password")
        exported = await client.get("/auth/me/export")
        assert (exported.status_code, person.email in exported.text) == (200, True)
        boss = await Clerk.hire(house, inside, Role.ADMIN)
        for kind in ReportKind:
            wanted = {"kind": kind, "day": str(LONG_AGO), "anew": True, "reason": told}
            reported = await inside.post("/admin/reports", json=wanted, headers=boss.headers)
            assert reported.status_code in (201, 202), reported.text
    temporal, seen = await house.temporal(), dict[str, str]()

    async def look(handle: WorkflowHandle[Any, Any], *, at_card: bool) -> None:
        history = await handle.fetch_history()
        known = (await handle.describe()).raw_description
        raw = [event.SerializeToString() for event in history.events]
        raw.append(known.SerializeToString())
        if at_card:
            raw.append(await card(temporal, handle))
        whole = b"\n".join(raw).lower()
        assert [word for word in person.words if word.encode() in whole] == [], handle.id
        events = json.loads(history.to_json())
        assert set(failures(events)) <= {"Encoded failure"}, handle.id
        open_ones = {(how, where) for how, where in payloads(events) if how not in SEALED}
        # The server's own notes of a local activity: which it was and when, without what it was told.
        assert {where for _, where in open_ones} <= {"events/markerRecordedEventAttributes/details/data/payloads"}
        seen[handle.id] = seals.said(history, house.payload_keys).lower()

    with anyio.fail_after(60):  # the list comes a moment after
        while True:
            found = [each async for each in temporal.list_workflows(f'StartTime >= "{begun.isoformat()}"')]
            kinds = [each.id.split("/")[0] for each in found]
            enough = kinds.count("order") >= 2 and kinds.count("report") >= len(ReportKind)
            if enough and {"refund", "return", "password-reset"} <= set(kinds):
                break
            await anyio.sleep(0.2)
    for each in found:
        try:
            await look(temporal.get_workflow_handle(each.id, run_id=each.run_id), at_card=each.close_time is None)
        except RPCError as error:  # of another buyer, who was forgotten meanwhile
            assert error.status is RPCStatusCode.NOT_FOUND
    await look(temporal.get_workflow_handle(NOTIFY_ID), at_card=True)
    together = "\n".join(seen.values())
    assert [word for word in person.words if word not in together] == []
    theirs = [identity for identity, said in seen.items() if any(word in said for word in person.words)]
    assert {identity.split("/")[0] for identity in theirs} >= {"order", "refund", "return", "password-reset"}
    assert not [identity for identity in seen if any(word in identity.lower() for word in person.words)]

    async with house.client(Authorization=f"Bearer {me['access_token']}") as client:
        assert (await client.request("DELETE", "/auth/me")).status_code == 202
    await look(temporal.get_workflow_handle(f"erasure/{user}"), at_card=False)
    await look(temporal.get_workflow_handle(NOTIFY_ID), at_card=False)
