"""When reports are made, and who is told: schedules as the Temporal server keeps them, changed where they stand."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody, Parameter
from msgspec import UNSET, UnsetType
from temporalio.client import Schedule, ScheduleDescription, ScheduleUpdate, ScheduleUpdateInput
from temporalio.service import RPCError, RPCStatusCode

from api.admin.changes import WhyAsked, write_down
from api.admin.refusals import staff_refuses
from api.admin.reports import must_see, seen
from api.context import Caller, House, IdempotencyKey, StrictRequest, idempotency_key
from api.repeats import once, scope_of
from models import clock
from models.address import Text
from models.database import Writer
from models.errors import Refusal, Unavailable
from models.ids import UserId
from models.reports.days import day_of, is_skipped
from models.reports.report import ReportKind
from models.roles import Scope, may
from models.tables import report_subscriber as subscribers
from models.tables.report_subscriber import Subscriber
from workflows.reports import daily, schedule_id

Kind = Annotated[ReportKind, Parameter(description="Of which reports")]
Clock = Annotated[
    str,
    msgspec.Meta(
        pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)", description="In the shop's time zone", examples=["04:10"]
    ),
]


class ReportSchedule(msgspec.Struct, frozen=True):
    """When reports of a kind are made."""

    kind: ReportKind
    at: str | None
    """Each day at this time; null: an operator has it made at other times."""
    timezone: str
    paused: bool
    note: str | None
    """Why it is paused, or runs."""
    next_at: datetime | None
    """Null: it is paused."""
    last_at: datetime | None
    """When it began last; null: it never did, or long ago."""


class ScheduleList(msgspec.Struct, frozen=True):
    """All schedules whose reports one may see."""

    items: list[ReportSchedule]
    next_cursor: str | None = None
    total: int | None = None


class SubscriberList(msgspec.Struct, frozen=True):
    """Who is told of a kind of report, the first one first."""

    items: list[Subscriber]
    next_cursor: str | None = None
    total: int | None = None


class ChangeSchedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be another; what is left out stays."""

    at: Clock | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    reason: Text | None = None
    """Why; it stands beside the schedule, too."""


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is to be told."""

    user_id: UUID | None = None
    """Null: whoever asks."""


@get(
    "/admin/report-schedules", operation_id="listReportSchedules", access=Scope.REPORTS_READ, tags=["Staff"],
    summary="When reports are made", responses=staff_refuses(),
)  # fmt: skip
async def list_schedules(house: House, caller: Caller) -> ScheduleList:
    """As they stand at the Temporal server; made when the first worker starts."""
    found = await asyncio.gather(*(_described(house, kind) for kind in seen(caller)))
    items = [_told(kind, each) for kind, each in zip(seen(caller), found, strict=True) if each is not None]
    return ScheduleList(items, None, len(items))


@patch(
    "/admin/report-schedules/{kind:str}", operation_id="changeReportSchedule", access=Scope.REPORTS_WRITE,
    tags=["Staff"], summary="When reports of a kind are made",
    responses=staff_refuses("report_schedule_not_found", "time_skipped", "invalid", "unsupported_media_type"),
)  # fmt: skip
async def change_schedule(
    house: House, caller: Caller, kind: FromPath[str], data: JSONBody[ChangeSchedule]
) -> ReportSchedule:
    """Another time of day, or a pause. Both stay when the shop is deployed anew."""
    known = _kind(kind)
    must_see(caller, known)
    was = await _described(house, known)
    if was is None:
        raise _unknown()
    at = None if data.at is UNSET else time.fromisoformat(data.at)
    if at is not None:
        _must_exist(house, at)

    def shows(schedule: Schedule) -> bool:
        return (data.at is UNSET or _at(schedule) == data.at) and (
            data.paused is UNSET
            or (schedule.state.paused, schedule.state.note or "") == (data.paused, data.reason or "")
        )

    def change(now: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule: Schedule = now.description.schedule
        if at is not None:
            schedule.spec = daily(at, house.settings.timezone)
        if data.paused is not UNSET:
            schedule.state.paused = data.paused
            schedule.state.note = data.reason or ""
        return ScheduleUpdate(schedule)

    async with house.database.writing() as writer:  # kept once the server has it
        before, after = _told(known, was), {name: value for name, value in (("at", data.at), ("paused", data.paused))
                                            if value is not UNSET}  # fmt: skip
        shown = {name: getattr(before, name) for name in after}
        await write_down(writer, caller, "report_schedule.change", known, before=shown, after=after, reason=data.reason)
        await house.temporal.get_schedule_handle(schedule_id(known)).update(
            change, rpc_timeout=house.settings.answer_budget
        )
    now = await _described_once(house, known, shows)
    if now is None:
        raise _unknown()
    return _told(known, now)


@get(
    "/admin/report-schedules/{kind:str}/subscribers", operation_id="listReportSubscribers",
    access=Scope.REPORTS_READ, tags=["Staff"], summary="Who is told of a kind of report",
    responses=staff_refuses("report_schedule_not_found"),
)  # fmt: skip
async def list_subscribers(house: House, caller: Caller, kind: FromPath[str]) -> SubscriberList:
    """By mail, when one was made."""
    known = _kind(kind)
    must_see(caller, known)
    found = await subscribers.of_kind(house.database, known)
    return SubscriberList(found, None, len(found))


@post(
    "/admin/report-schedules/{kind:str}/subscribers", operation_id="subscribeToReports", access=Scope.REPORTS_READ,
    tags=["Staff"], summary="Be told of a kind of report", status_code=201,
    responses=staff_refuses("report_schedule_not_found", "subscriber_unfit", "idempotency_key_reused", "invalid",
                            "unsupported_media_type"),
)  # fmt: skip
async def subscribe(
    request: StrictRequest, house: House, caller: Caller, kind: FromPath[str], data: JSONBody[Subscribe],
    idempotency: IdempotencyKey = None,
) -> SubscriberList:  # fmt: skip
    """A mail for each report that a schedule makes, for oneself; for others with `reports:write`. Again: nothing more.

    Whoever may not see what it is about any more is told nothing.
    """
    known = _kind(kind)
    must_see(caller, known)
    user = UserId(data.user_id) if data.user_id is not None else caller.account
    _must_decide(caller.account == user or may(caller.roles, Scope.REPORTS_WRITE))

    async def add(writer: Writer) -> None:
        added = await subscribers.add(writer, known, user)
        if added is None:
            raise Refusal("subscriber_unfit", "Nobody is told of what they may not see.")
        if added:
            await write_down(writer, caller, "report.subscribe", known, after={"user": user})

    scope = scope_of(request, caller, f"POST /admin/report-schedules/{known}/subscribers")
    await once(house, scope, idempotency_key(idempotency), data, type(None), add)
    found = await subscribers.of_kind(house.database, known)
    return SubscriberList(found, None, len(found))


@delete(
    "/admin/report-schedules/{kind:str}/subscribers/{user_id:uuid}", operation_id="unsubscribeFromReports",
    access=Scope.REPORTS_READ, tags=["Staff"], summary="Be told no more", status_code=204,
    responses=staff_refuses("report_schedule_not_found", "subscriber_not_found", "invalid"),
)  # fmt: skip
async def unsubscribe(
    house: House, caller: Caller, kind: FromPath[str], user_id: FromPath[UUID], reason: WhyAsked = None
) -> None:
    """Oneself; others with `reports:write`."""
    known, user = _kind(kind), UserId(user_id)
    must_see(caller, known)
    _must_decide(caller.account == user or may(caller.roles, Scope.REPORTS_WRITE))
    async with house.database.writing() as writer:
        if not await subscribers.remove(writer, known, user):
            raise Refusal("subscriber_not_found", "They are not told of it.")
        await write_down(writer, caller, "report.unsubscribe", known, before={"user": user}, reason=reason)


def _kind(name: str) -> ReportKind:
    """Raises: Refusal `report_schedule_not_found`."""
    try:
        return ReportKind(name)
    except ValueError:
        raise _unknown() from None


def _unknown() -> Refusal:
    return Refusal("report_schedule_not_found", "There is no such schedule, or no worker has made it yet.")


def _must_decide(may_do: bool) -> None:
    if not may_do:
        raise Refusal("forbidden", "Your roles do not let you decide for others.")


def _must_exist(house: House, at: time) -> None:
    """Raises: Refusal `time_skipped`: on such a day no report would be made."""
    zone = house.settings.timezone
    skipped: date | None = is_skipped(at.hour, at.minute, day_of(clock.now(), zone), zone)
    if skipped is not None:
        raise Refusal("time_skipped", f"Clocks skip this time on {skipped}: take another.", day=skipped)


async def _described(house: House, kind: ReportKind) -> ScheduleDescription | None:
    """None: there is none yet."""
    handle = house.temporal.get_schedule_handle(schedule_id(kind))
    try:
        return await handle.describe(rpc_timeout=house.settings.answer_budget)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _described_once(
    house: House, kind: ReportKind, shows: Callable[[Schedule], bool]
) -> ScheduleDescription | None:
    """As it stands once a change shows. Temporal answers a change before the schedule itself has read it: whoever made
    the next one from what is told until then would take this one back. None: there is none any more.

    Raises: Unavailable when it does not show within the budget.
    """
    try:
        async with asyncio.timeout(house.settings.answer_budget.total_seconds()):
            now = await _described(house, kind)
            while now is not None and not shows(now.schedule):
                await asyncio.sleep(0.05)
                now = await _described(house, kind)
    except TimeoutError as late:
        raise Unavailable("temporal", "the change is taken, and does not show yet: read it again") from late
    return now


def _told(kind: ReportKind, found: ScheduleDescription) -> ReportSchedule:
    schedule = found.schedule
    begun = [each.scheduled_at for each in found.info.recent_actions]
    paused = schedule.state.paused
    upcoming = [] if paused else found.info.next_action_times
    return ReportSchedule(
        kind, _at(schedule), schedule.spec.time_zone_name or "UTC", paused, schedule.state.note or None,
        upcoming[0] if upcoming else None, max(begun, default=None),
    )  # fmt: skip


def _at(schedule: Schedule) -> str | None:
    """When each day; None: it is not that plain."""
    spec = schedule.spec
    if len(spec.calendars) != 1 or spec.intervals or spec.cron_expressions:
        return None
    hours, minutes = spec.calendars[0].hour, spec.calendars[0].minute
    plain = len(hours) == len(minutes) == 1 and hours[0].start == hours[0].end and minutes[0].start == minutes[0].end
    return f"{hours[0].start:02}:{minutes[0].start:02}" if plain else None


handlers = [list_schedules, change_schedule, list_subscribers, subscribe, unsubscribe]
