"""Traces of a running house that has an exporter: one order from its request to SQL and provider, without people."""

import json
from collections.abc import Iterator

import anyio
import pytest

from dev import postgres
from dev.stack import embedded
from tests.collector import Collected, Span, collecting
from tests.desk import Clerk
from tests.premises import House, Shopper, open_house, own_redis

SOON = 90
"""Seconds: spans leave a process every five."""
TIMES = 3
"""How often it is told on a machine that is busy with other tests, until no step has to be done again."""


@pytest.fixture(scope="module")
def collected() -> Iterator[Collected]:
    """Who collects the spans of this module's house."""
    with collecting() as opened:
        yield opened


@pytest.fixture(scope="module")
def traced_house(collected: Collected, parts: dict[str, str], worker_name: str) -> Iterator[House]:
    """A house that tells where it spends its time."""
    url = postgres.fresh_database(parts["DATABASE_URL"])
    given = {
        **parts, "DATABASE_URL": url, "REDIS_URL": own_redis(parts, worker_name, 48),
        "TEMPORAL_NAMESPACE": f"traced-{worker_name}", "CHECKOUT_ANSWER_BUDGET": "30",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collected.endpoint, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=let%20me%20in",
    }  # fmt: skip
    open_house(url)
    with embedded({"stripe", "chapa", "mail", "worker", "api"}, given=given) as stack:
        yield House(stack, url)
    postgres.drop_database(url)


@pytest.fixture
def house(traced_house: House) -> House:
    """The same."""
    return traced_house


async def bought(shopper: Shopper, **changes: str) -> dict[str, str]:
    """An order that is paid, as its answer says."""
    await shopper.put(await shopper.house.stock(5))
    answer = await shopper.check_out(shopper.order_form(await shopper.quote(), **changes))
    assert answer.status_code == 201, answer.text
    order: dict[str, str] = answer.json()["order"]
    await shopper.order_when(order, "confirmed")
    return order


async def checkout_of(collected: Collected, number: str, last: str) -> list[Span]:
    """The trace of an order's checkout, as soon as this span of it is there."""
    with anyio.fail_after(SOON):
        while True:
            roots = [
                span for span in collected.spans
                if span.name == "POST /api/v1/checkout" and span.attributes.get("holdfast.order") == number
            ]  # fmt: skip
            trace = [span for span in collected.spans if roots and span.trace == roots[0].trace]
            if any(span.name == last for span in trace):
                return trace
            await anyio.sleep(0.2)


def line_of(trace: list[Span], name: str) -> list[str]:
    """Names from the root to the first span whose name begins so."""
    by_id = {span.id: span for span in trace}
    span = next(span for span in trace if span.name.startswith(name))
    names = [span.name]
    while span.parent:
        span = by_id[span.parent]
        names.insert(0, span.name)
    return names


async def test_an_order_from_its_request_to_its_end(house: House, shopper: Shopper, collected: Collected) -> None:
    """Given an order that is bought, sent and delivered, then one trace has every step of it below its request."""
    clerk = await Clerk.hire(house, shopper.http)
    for _ in range(TIMES):
        order = await bought(shopper)
        for action, form in (("ship", {"carrier": "UPS", "tracking": "1Z"}), ("deliver", {})):
            answer = await clerk.do(order["number"], action, **form)
            assert answer.status_code == 200, answer.text
        trace = await checkout_of(collected, order["number"], "RunWorkflow:Order")
        if not [span for span in trace if span.failed]:
            break

    began = ["POST /api/v1/checkout", "StartUpdateWithStartWorkflow:Order"]
    assert line_of(trace, "RunWorkflow:Order") == [*began, "RunWorkflow:Order"]
    assert line_of(trace, "HandleUpdate:await_checkout") == [*began, "HandleUpdate:await_checkout"]
    for step, inside in {
        "place_order": "INSERT orders", "authorize_payment_now": "stripe PaymentIntentService.create_async",
        "capture_payment": "stripe PaymentIntentService.capture_async", "confirm_order": "UPDATE orders",
    }.items():  # fmt: skip
        steps = [*began, "RunWorkflow:Order", f"StartActivity:{step}", f"RunActivity:{step}"]
        assert line_of(trace, f"RunActivity:{step}") == steps
        [run] = [span for span in trace if span.name == f"RunActivity:{step}"]
        assert run.attributes["holdfast.order"] == order["number"]
        below = [span for span in trace if span.parent == run.id]
        assert inside in {span.name for span in below}, [span.name for span in below]
        assert all(run.began <= span.began <= span.ended <= run.ended for span in below)
    root = trace[0]
    assert (root.service, root.attributes["http.response.status_code"]) == ("holdfast-api", 201)
    assert {span.service for span in trace} == {"holdfast-api", "holdfast-worker"}
    assert [span.name for span in trace if span.failed] == []
    assert {span.name.split()[0] for span in trace if span.parent == root.id} >= {"SELECT"}


async def test_what_staff_did_is_a_trace_of_its_own(house: House, shopper: Shopper, collected: Collected) -> None:
    """Given a parcel, then the trace of the request that sent it has the order's own steps below it."""
    order = await bought(shopper)
    clerk = await Clerk.hire(house, shopper.http)
    assert (await clerk.do(order["number"], "ship", carrier="UPS", tracking="1Z")).status_code == 200

    with anyio.fail_after(SOON):
        while not (found := [
            span for span in collected.trace_of(**{"holdfast.order": order["number"]})
            if span.name == "HandleUpdate:ship"
        ]):  # fmt: skip
            await anyio.sleep(0.2)
        while not (roots := [span for span in collected.spans if span.trace == found[0].trace and not span.parent]):
            await anyio.sleep(0.2)
    trace = [span for span in collected.spans if span.trace == found[0].trace]
    assert roots[0].name == "POST /api/v1/admin/orders/{number}/actions/ship"
    assert line_of(trace, "RunActivity:send_parcel")[1:3] == ["StartWorkflowUpdate:ship", "HandleUpdate:ship"]


async def test_log_lines_name_their_trace(house: House, shopper: Shopper, collected: Collected) -> None:
    """Given an order, then what API and worker log of its checkout names the trace that the collector has."""
    order = await bought(shopper)
    trace = await checkout_of(collected, order["number"], "RunActivity:confirm_order")
    for part, said in (("api", "request"), ("worker", "activity done")):
        lines = [json.loads(line) for line in house.stack.logs(part).splitlines() if order["number"] in line]
        named = {line["trace_id"] for line in lines if line["event"] == said and line.get("path") != "/api/v1/orders"}
        assert trace[0].trace in named, lines


async def test_no_span_knows_people(house: House, shopper: Shopper, collected: Collected) -> None:
    """Given an order and a provider that fails, then spans say that it failed and of what kind, and name nobody."""
    control = house.stripe()
    expected = {"stripe PaymentIntentService.create_async": "APIError"}
    for _ in range(TIMES):
        await control.fault("error_before", method="POST", path="/v1/payment_intents", times=1)
        order = await bought(shopper, email="grace@hopper.example")
        trace = await checkout_of(collected, order["number"], "RunActivity:confirm_order")
        await control.clear()
        if (failed := {span.name: span.status for span in trace if span.failed}) == expected:
            break
    await control.close()

    assert failed == expected
    assert [span.events for span in collected.spans if span.events] == []
    for word in (b"grace@hopper.example", b"Lovelace", b"1 Main St", order["order_token"].encode()):
        assert word not in collected.raw
    assert set(collected.keys) == {"let me in"}


async def test_what_never_ends_is_in_no_trace(shopper: Shopper, collected: Collected) -> None:
    """Given workers that ask for news all the time, then nothing of that is collected, nor what only watches."""
    order = await bought(shopper)
    await shopper.http.get(f"{shopper.house.root}/health/ready")
    await checkout_of(collected, order["number"], "RunActivity:confirm_order")
    names = {span.name for span in collected.spans}
    assert [name for name in names if name.startswith(("RunActivity:await_", "RunWorkflow:Notify"))] == []
    begin = {span.name.split()[0].partition(":")[0] for span in collected.spans if not span.parent}
    assert begin <= {"GET", "POST", "StartWorkflow", "RunWorkflow"}, begin
    assert [name for name in names if "health" in name] == []


async def test_who_asks_is_named_not_followed(shopper: Shopper, collected: Collected) -> None:
    """Given a request with a trace of its sender's, then ours is another, which names theirs."""
    theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
    await shopper.http.get("/cart", headers={"traceparent": f"00-{theirs}-00f067aa0ba902b7-01"})
    with anyio.fail_after(SOON):
        while not (found := [span for span in collected.spans if theirs in span.links]):
            await anyio.sleep(0.2)
    assert [(span.name, span.parent, span.trace == theirs) for span in found] == [("GET /api/v1/cart", "", False)]
