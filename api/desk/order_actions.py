"""What was pressed on an order's page: sent to the API's own operation, and the page again with what came of it."""

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Redirect
from temporalio.exceptions import TemporalError

from api.admin import returns
from api.admin.orders import find
from api.context import Caller, House, StrictRequest
from api.desk import order_forms, return_forms
from api.desk.admission import PATH, form_of
from api.desk.calls import Desk
from api.desk.forms import Filled, Given
from api.desk.mistakes import problem_of, words_of
from api.desk.orders import show
from api.orders import Number
from api.problems import Invalid
from models.approval import ApprovalRecord
from models.errors import Refusal, Unavailable
from models.returns import ReturnAction
from models.roles import Scope


@post(
    f"{PATH}/orders/{{number:str}}/{{action:str}}", include_in_schema=False, access=Scope.ORDERS_READ, status_code=303
)
async def act(
    request: StrictRequest, house: House, caller: Caller, number: Number, action: FromPath[str]
) -> Response[Any]:
    """Done once, however often it is pressed: the form brings its own key. Refused, the page says why and what is
    possible instead, with all that was filled in.
    """
    desk, given = Desk(request, house, caller), await form_of(request)
    wanted = next((each for each in order_forms.KINDS if each == action), None)
    if wanted is None:
        raise _unknown()
    kind, currency = order_forms.KINDS[wanted], (await find(house, number)).totals.total.currency

    async def send() -> Response[Any]:
        said = order_forms.body_of(wanted, given, currency)
        return await desk.order(kind.operation, said, given.get("key"), number=number)

    return await _answered(desk, number, action, kind.title, given, send())


@post(
    f"{PATH}/orders/{{number:str}}/returns/{{return_id:uuid}}/{{action:str}}", include_in_schema=False,
    access=Scope.RETURNS_READ, status_code=303,
)  # fmt: skip
async def act_on_return(
    request: StrictRequest, house: House, caller: Caller, number: Number, return_id: FromPath[UUID],
    action: FromPath[str],
) -> Response[Any]:  # fmt: skip
    """The same of goods that come back."""
    desk, given = Desk(request, house, caller), await form_of(request)
    wanted = next((each for each in return_forms.KINDS if each == action), None)
    goods = await desk.ask(returns.read_return, return_id=return_id)
    if wanted is None or goods.order_number != number:
        raise _unknown()
    kind, currency = return_forms.KINDS[wanted], (await find(house, number)).totals.total.currency

    async def send() -> Response[Any]:
        said = return_forms.body_of(ReturnAction(wanted), goods, given, currency)
        return await desk.order(kind.operation, said, given.get("key"), return_id=return_id)

    return await _answered(desk, number, f"return-{goods.n}-{action}", f"Return {goods.n}", given, send())


async def _answered(
    desk: Desk, number: str, form: str, title: str, given: Given, sent: Awaitable[Response[Any]]
) -> Response[Any]:
    """The order's page: where it stands, or why it was refused."""
    try:
        answer = await sent
    except (TemporalError, Unavailable, Invalid, RuntimeError) as no:
        problem = problem_of(desk.request, no)
        if problem.status == 500:
            raise
        again = given.get("key") if problem.status == 503 else None  # it may have been done: ask for the same again
        filled = Filled(form, title, given, problem.detail, words_of(problem), again)
        return await show(desk, number, status=problem.status, filled=filled)
    waits = isinstance(answer.content, ApprovalRecord)
    how = "asked" if waits else "later" if answer.status_code == 202 else "done"
    return Redirect(f"{PATH}/orders/{number}?{how}={form}", status_code=303)


def _unknown() -> Refusal:
    return Refusal("not_found", "There is no such action.")


handlers = [act, act_on_return]
