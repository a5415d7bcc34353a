"""The worker process: registers workflows and activities, connects, runs. No thought of its own."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
import uvloop
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleAlreadyRunningError,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import (
    VersioningBehavior,
    WorkerDeploymentVersion,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.answers import AnswerActivities
from activities.attention import AttentionActivities
from activities.cancellations import CancellationActivities
from activities.carts import CartActivities
from activities.catalogue_changes import CatalogueChangeActivities
from activities.charges import ChargeActivities
from activities.checkout import CheckoutActivities
from activities.completions import CompletionActivities
from activities.digest import DigestActivities
from activities.disputes import DisputeActivities
from activities.edits import EditActivities
from activities.erasure import ErasureActivities
from activities.exchanges import ExchangeActivities
from activities.gauges import Gauges
from activities.goods import GoodsActivities
from activities.histories import HistoryActivities
from activities.holds import HoldActivities
from activities.late_payments import LatePaymentActivities
from activities.mail import MailActivities
from activities.order_feed import OrderFeedActivities
from activities.orders import OrderActivities
from activities.outbox import OutboxActivities
from activities.outgoing.deliveries import READER as WEBHOOKS
from activities.outgoing.deliveries import OutgoingActivities
from activities.papers import PaperActivities
from activities.passwords import PasswordActivities
from activities.payment_methods import PaymentMethodActivities
from activities.payments.chapa import ChapaProvider
from activities.payments.intents import StripeProvider
from activities.payments.money import PaymentActivities
from activities.payments.providers import Provider
from activities.payments.setups import SetupActivities
from activities.payouts import PayoutActivities
from activities.product_imports import ProductImportActivities
from activities.reconciliation import ReconciliationActivities
from activities.refunds import RefundActivities
from activities.reports import ReportActivities
from activities.returns import ReturnActivities
from activities.screening import ScreeningActivities
from activities.search import SearchActivities
from activities.shipments import ShipmentActivities
from activities.stock import StockActivities
from activities.study import StudyActivities
from activities.vendor_parts import VendorPartActivities
from models import logs, spans, wire
from models.capture import Capture
from models.database import Database
from models.environment import Invalid
from models.outgoing import TOLD
from models.payment import CHAPA, STRIPE
from models.reports.report import ReportKind
from models.search.engines import engine_of
from models.settings import WorkerSettings, worker_settings
from models.storage import Storage
from workflows import issue_papers, split_orders, visibility
from workflows.complete_orders import COMPLETE_DELIVERED_ID, CompleteDelivered, completing
from workflows.digest import DIGEST_ID, Digest, daily
from workflows.dispute import FollowDispute
from workflows.erase_account import EraseAccount
from workflows.heal_search import HEAL_SEARCH_ID, HealSearch, healing
from workflows.import_products import ImportProducts
from workflows.index_catalogue import INDEX_CATALOGUE_ID, IndexCatalogue
from workflows.issue_papers import ISSUE_PAPERS_ID, IssuePapers, PrintPapers
from workflows.late_payment import LatePayment
from workflows.notify import NOTIFY_ID, Notify
from workflows.order import Order
from workflows.outside import ENLIST_WEBHOOKS_ID, DeliverWebhooks, EnlistWebhooks
from workflows.patience import CATALOGUE, MAIL, ORDERS, OUTSIDE, PAYMENTS
from workflows.pay_out import PayOut
from workflows.pay_vendors import PAY_VENDORS_ID, PayVendors, paying
from workflows.prove_stock import PROVE_STOCK_ID, ProveStock, proving
from workflows.rebuild_search import RebuildSearch
from workflows.reconcile import RECONCILE_ID, Reconcile, reconciling
from workflows.refresh_answers import REFRESH_ANSWERS_ID, RefreshAnswers
from workflows.refund import Refund
from workflows.remove_payment_method import RemovePaymentMethod
from workflows.reports import MakeReport, reporting, schedule_id
from workflows.reset_password import ResetPassword
from workflows.return_goods import ReturnGoods
from workflows.save_payment_method import SavePaymentMethod
from workflows.split_orders import SPLIT_ORDERS_ID, SplitOrders
from workflows.study_shelves import STUDY_SHELVES_ID, StudyShelves, studying
from workflows.tend_carts import TEND_CARTS_ID, TendCarts, Tending, tending

log = structlog.get_logger()

WORKFLOWS: Sequence[type] = (
    Order,
    Refund,
    ReturnGoods,
    LatePayment,
    FollowDispute,
    Notify,
    ResetPassword,
    TendCarts,
    SavePaymentMethod,
    RemovePaymentMethod,
    EraseAccount,
    RefreshAnswers,
    IndexCatalogue,
    RebuildSearch,
    HealSearch,
    StudyShelves,
    ProveStock,
    CompleteDelivered,
    Reconcile,
    Digest,
    MakeReport,
    ImportProducts,
    SplitOrders,
    PayVendors,
    PayOut,
    IssuePapers,
    PrintPapers,
    EnlistWebhooks,
    DeliverWebhooks,
)
ALWAYS: Sequence[tuple[type[Any], str, str]] = (
    (Notify, NOTIFY_ID, "Sends the letters of the outbox"),
    (RefreshAnswers, REFRESH_ANSWERS_ID, "Makes cached answers old when the catalogue changes"),
    (IssuePapers, ISSUE_PAPERS_ID, "Writes and prints invoices and credit notes"),
    (IndexCatalogue, INDEX_CATALOGUE_ID, "Keeps the search index like the catalogue"),
    (SplitOrders, SPLIT_ORDERS_ID, "Divides orders between vendors"),
    (EnlistWebhooks, ENLIST_WEBHOOKS_ID, "Fills the queues of receivers outside"),
)
"""Workflows that never end, with their ids and what they do."""
ENDLESS = frozenset({DeliverWebhooks.__name__, *(story.__name__ for story, *_ in ALWAYS)})
"""Types of all that never end."""
FOLLOWERS: Mapping[str, Sequence[str]] = {
    issue_papers.ISSUE_PAPERS_ID: issue_papers.NEWS, split_orders.READER: split_orders.TYPES, WEBHOOKS: tuple(TOLD),
}  # fmt: skip
"""Who follows all orders, and for which facts."""
STICKY = timedelta(seconds=2)
"""How long an order cached on a dead worker waits for it before another may take over; the default is 10 s."""
LAST_STEPS = timedelta(seconds=1)
"""How long a stopping worker still takes up steps that its own orders asked for last."""
TOLD_WITHIN = timedelta(seconds=2)
"""When the server hears at the latest which letters left: those do not leave again when their worker dies."""
SELDOM = timedelta(seconds=60)
"""The same of all other steps, or most of the time that they may be silent: it is enough that they live."""
DEPLOYMENT = "holdfast"
"""What all builds are builds of, for the server: docs/deploys.md says how one follows the other."""
GRACE = timedelta(seconds=15)
"""How long a stopping worker lets running activities finish."""


def activities(
    settings: WorkerSettings, database: Database, payments: PaymentActivities
) -> dict[str, list[Callable[..., Any]]]:
    """All activities by task queue. Local ones run on the queue of their workflow."""
    late = LatePaymentActivities(database)
    reserved_for = settings.authorization_life if settings.capture is Capture.AT_SHIPMENT else None
    checkout = CheckoutActivities(
        database, settings.payment_window, settings.allocation, settings.ship_within, settings.screening, reserved_for
    )
    screening = ScreeningActivities(database)
    orders, shipments = OrderActivities(database), ShipmentActivities(database)
    charges, holds = ChargeActivities(database), HoldActivities(database)
    cancellations, goods = CancellationActivities(database), GoodsActivities(database)
    edits = EditActivities(database, settings.edit_window, settings.allocation)
    outbox = OutboxActivities(database, staff=settings.staff_email, language=settings.staff_language)
    calls, digest, reports = (
        AttentionActivities(database),
        DigestActivities(database, settings.staff_email),
        ReportActivities(database, settings.timezone),
    )
    mail = MailActivities(settings.smtp_url, settings.mail_from, settings.secret_key, settings.public_url)
    erasure, histories = ErasureActivities(database, settings.secret_key), HistoryActivities()
    passwords = PasswordActivities(database, settings.secret_key)
    carts = CartActivities(database)
    methods = PaymentMethodActivities(database)
    setups = SetupActivities(payments.connection)
    refunds, disputes = RefundActivities(database, settings.secret_key), DisputeActivities(database)
    returned = ReturnActivities(database, settings.return_within, settings.secret_key)
    exchanges = ExchangeActivities(database, settings.exchange_within)
    reconciliation, completions = (
        ReconciliationActivities(database),
        CompletionActivities(database, settings.return_within),
    )
    study, stock = StudyActivities(database), StockActivities(database)
    feed = OrderFeedActivities(database)
    vendor_parts, payouts = VendorPartActivities(database), PayoutActivities(database, settings.payout_minimum)
    outgoing = OutgoingActivities(database, settings.secret_key, settings.outgoing_private)
    changes, answers = CatalogueChangeActivities(database), AnswerActivities(settings.redis_url)
    search = SearchActivities(database, engine_of(settings, database))
    storage = Storage(settings.media_dir, settings.storage_url)
    imported, papers = ProductImportActivities(database, storage), PaperActivities(database, storage, settings.shop)
    return {
        ORDERS: [
            checkout.place_order, orders.record_payment_attempt, orders.secure_order, orders.confirm_order,
            orders.cancel_order, orders.flag_order, orders.record_command, calls.call_for_person, holds.extend_hold,
            screening.hold_order, screening.decide_review,
            shipments.send_parcel, shipments.note_arrival, cancellations.cancel_paid_order,
            cancellations.cancel_rest, goods.switch_goods, goods.give_up_goods,
            charges.record_charge, charges.settle_charge, charges.drop_charge, charges.settle_capture,
            charges.note_shortfall, shipments.weigh_parcel, edits.open_edit, edits.commit_edit, edits.end_edit,
            late.record_late_payment, outbox.settle_letters,
            passwords.open_reset, passwords.close_reset, carts.remind_of_carts, carts.find_forgotten_carts,
            carts.spare_carts_being_bought, carts.remove_carts,
            refunds.reserve_refund, refunds.settle_refund, refunds.fail_refund, refunds.return_refund,
            disputes.record_dispute,
            returned.open_return, returned.decide_return, returned.receive_return, returned.inspect_return,
            returned.settle_return, returned.expire_return,
            exchanges.prepare_exchange, exchanges.read_exchange, exchanges.end_exchange,
            erasure.close_account, erasure.look_for_business, erasure.forget_account, erasure.blank_events,
            histories.delete_histories,
            payments.authorize_payment_now,
            methods.read_wallet, methods.note_customer, methods.keep_method, methods.drop_method,
            changes.find_outdated, changes.settle_changes,
            search.open_index, search.begin_rebuild, search.note_products, search.swap_generation,
            imported.open_import, imported.stop_import,
            vendor_parts.divide_orders, vendor_parts.divide_again, payouts.fix_payout, payouts.settle_payout,
            papers.write_papers, papers.follow_orders, papers.find_unprinted, papers.read_papers, papers.file_papers,
        ],
        PAYMENTS: [
            payments.authorize_payment, payments.authorize_further, payments.read_payment, payments.capture_payment,
            payments.void_payment, payments.refund_payment, payments.read_refund, payments.return_payment,
            payments.read_dispute, payments.list_objects, payments.send_transfer,
            setups.ensure_customer, setups.start_setup, setups.read_setup, setups.cancel_setup, setups.detach_method,
            setups.forget_customer,
        ],
        MAIL: [outbox.await_letters, mail.send_letters],
        CATALOGUE: [
            changes.await_changes, answers.drop_answers,
            search.index_products, search.note_categories, search.configure_index, search.await_indexed,
            search.compare_index, search.tidy_search,
            study.gather_purchases, study.forget_old_traces, study.figure_products, study.relate_products,
            stock.find_drift, completions.complete_orders, feed.await_news, payouts.mend_books, payouts.find_due,
            reconciliation.keep_seen, reconciliation.list_ours, reconciliation.compare_books,
            reconciliation.end_reconciliation, digest.write_digest, reports.write_report,
            imported.go_on_with_import, imported.drop_file, outgoing.enlist_deliveries,
            papers.print_papers,
        ],
        OUTSIDE: [outgoing.send_deliveries],
    }  # fmt: skip


def payment_activities(settings: WorkerSettings) -> PaymentActivities:
    """What moves money, with every provider that this shop has a key of."""
    others: dict[str, Provider] = {}
    if settings.chapa_secret_key:
        others[CHAPA] = ChapaProvider(settings.chapa_secret_key, settings.public_url, settings.chapa_api_base)
    return PaymentActivities(
        StripeProvider(settings.stripe_secret_key, settings.stripe_api_base, settings.public_url), others
    )


def providers_of(settings: WorkerSettings) -> tuple[str, ...]:
    """Whom this shop is paid with."""
    return (STRIPE, CHAPA) if settings.chapa_secret_key else (STRIPE,)


def workers(
    client: Client,
    settings: WorkerSettings,
    database: Database,
    payments: PaymentActivities,
    *,
    grace: timedelta = GRACE,
    **options: Any,
) -> list[Worker]:
    """One worker a task queue; workflows live on the first."""
    return [
        Worker(
            client,
            task_queue=queue,
            workflows=WORKFLOWS if queue == ORDERS else (),
            activities=functions,
            sticky_queue_schedule_to_start_timeout=STICKY,
            graceful_shutdown_timeout=grace,
            deployment_config=deployment(settings),
            max_heartbeat_throttle_interval=TOLD_WITHIN if queue == MAIL else SELDOM,
            **options,
        )
        for queue, functions in activities(settings, database, payments).items()
    ]


def deployment(settings: WorkerSettings) -> WorkerDeploymentConfig | None:
    """Which build these workers are; None: the server does not ask. Open orders go on with the one that is current."""
    if settings.build_id is None:
        return None
    return WorkerDeploymentConfig(
        WorkerDeploymentVersion(DEPLOYMENT, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


async def register_search_attributes(client: Client, namespace: str) -> None:
    """Make the server know our search attributes; it refuses to complete a workflow task that sets an unknown one."""
    kinds = {
        str: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        int: IndexedValueType.INDEXED_VALUE_TYPE_INT,
        bool: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    }
    wanted = {
        key.name: kinds.get(key.value_type, IndexedValueType.INDEXED_VALUE_TYPE_DATETIME) for key in visibility.ALL
    }
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=namespace, search_attributes=wanted)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


async def keep_schedules(client: Client, settings: WorkerSettings) -> None:
    """Have done every so often what these settings say; a pause that an operator made, and its note, stay."""
    tend = Tending(settings.cart_reminder_after, settings.cart_lifetime, settings.cart_tending_interval)
    schedules = {
        TEND_CARTS_ID: tending(tend), HEAL_SEARCH_ID: healing(settings.search_healing_interval),
        STUDY_SHELVES_ID: studying(settings.shelves_study_interval),
        PROVE_STOCK_ID: proving(settings.stock_proof_interval), COMPLETE_DELIVERED_ID: completing(),
        DIGEST_ID: daily(settings.digest_at),
        RECONCILE_ID: reconciling(settings.reconcile_interval, settings.reconcile_window, providers_of(settings)),
        PAY_VENDORS_ID: paying(settings.payout_interval),
    }  # fmt: skip
    for identity, wanted in schedules.items():
        await _keep(client, identity, wanted, _as_wanted)
    for kind in ReportKind:
        await _keep(client, schedule_id(kind), reporting(kind, settings.timezone), _at_its_time)


async def _keep(
    client: Client, identity: str, wanted: Schedule, change: Callable[[Schedule, ScheduleUpdateInput], ScheduleUpdate]
) -> None:
    try:
        await client.create_schedule(identity, wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(identity).update(partial(change, wanted))


def _as_wanted(wanted: Schedule, known: ScheduleUpdateInput) -> ScheduleUpdate:
    state = known.description.schedule.state
    return ScheduleUpdate(Schedule(action=wanted.action, spec=wanted.spec, policy=wanted.policy, state=state))


def _at_its_time(wanted: Schedule, known: ScheduleUpdateInput) -> ScheduleUpdate:
    """The same, at the time of day that it has: staff may have said another one."""
    spec = known.description.schedule.spec
    spec.time_zone_name = wanted.spec.time_zone_name
    state = known.description.schedule.state
    return ScheduleUpdate(Schedule(action=wanted.action, spec=spec, policy=wanted.policy, state=state))


def measured(settings: WorkerSettings) -> Runtime | None:
    """What counts this process' work and serves the numbers; None: nobody wants them."""
    if not settings.metrics_port:
        return None
    metrics = PrometheusConfig(
        bind_address=f"{settings.metrics_host}:{settings.metrics_port}", durations_as_seconds=True
    )
    return Runtime(telemetry=TelemetryConfig(metrics=metrics))


async def connect(settings: WorkerSettings, runtime: Runtime | None) -> Client:
    """A client for this process; waits for a server that is still starting."""
    while True:
        try:
            return await Client.connect(
                settings.temporal_address,
                namespace=settings.temporal_namespace,
                plugins=[*spans.plugins(), wire.plugin(settings.payload_keys)],
                runtime=runtime,
            )
        except RuntimeError as error:
            log.warning(
                "temporal does not answer, trying again in 2 s", address=settings.temporal_address, error=str(error)
            )
            await asyncio.sleep(2)


async def run(settings: WorkerSettings) -> None:
    """Run until SIGTERM or SIGINT, then let running activities finish."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runtime = measured(settings)
    client = await connect(settings, runtime)
    await register_search_attributes(client, settings.temporal_namespace)
    database = Database(settings.database_url)
    payments = payment_activities(settings)
    running = AsyncExitStack()
    asking, *doing = workers(client, settings, database, payments)
    for worker in doing:
        await running.enter_async_context(worker)
    # Left in the opposite order, so that no step is handed to one that is leaving and waits for its timeout there.
    running.push_async_callback(asyncio.sleep, LAST_STEPS.total_seconds())
    await running.enter_async_context(asking)
    for story, identity, summary in ALWAYS:
        await client.start_workflow(
            story.run,
            id=identity,
            task_queue=ORDERS,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=summary,
        )
    await keep_schedules(client, settings)
    if runtime:
        gauges = Gauges(
            database, client, runtime.metric_meter, FOLLOWERS, list(activities(settings, database, payments))
        )
        telling = asyncio.create_task(gauges.tell_for_ever())
        running.callback(telling.cancel)
    collect_seldom()
    log.info("worker ready", temporal=settings.temporal_address, namespace=settings.temporal_namespace)
    await stop.wait()
    log.info("worker stopping", grace_seconds=GRACE.total_seconds())
    try:
        async with asyncio.timeout(GRACE.total_seconds() + 3):
            await running.aclose()
            await payments.close()
            await database.close()
    except TimeoutError:
        log.warning("worker left with work in hand; another worker takes it over")
    log.info("worker stopped")


def collect_seldom() -> None:
    """What is here now stays: the garbage collector need not look at it again, and at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def main() -> None:
    """Read the settings, run, and leave without the interpreter's teardown."""
    try:
        settings = worker_settings()
    except Invalid as missing:
        sys.exit(f"worker: {missing}")
    logs.configure(settings.log_level, settings.log_format)
    tracing = None
    if settings.otlp_endpoint:
        from models import tracing as traces  # what is not asked for is not loaded

        tracing = traces.start("holdfast-worker", settings, ENDLESS)
    uvloop.run(run(settings))
    if tracing:
        tracing.close()
    sys.stdout.flush()
    os._exit(0)  # the SDK's threads can abort a process that tears its interpreter down (temporalio/sdk-python#300)


if __name__ == "__main__":
    main()
