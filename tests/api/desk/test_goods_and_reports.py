"""Goods and reports at the desk: looked up, read as tables, and downloaded."""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from temporalio.testing import ActivityEnvironment

from activities.reports import ReportActivities, WriteReport
from models import clock
from models.database import Database
from models.ids import OrderNumber
from models.reports.report import ReportKind
from models.roles import Role
from tests.activities.till import Till
from tests.api.conftest import Api
from tests.api.desk.conftest import Hire, text_of


async def test_goods_are_looked_up(api: Api, till: Till, hire: Hire) -> None:
    """Given mugs, one of them sold, then stock says so, with the order it is promised to; the product has its price."""
    number = OrderNumber("HF-GOODS-AAAAA")
    await till.placed(await till.cart(), number=number)
    carl = await hire(Role.CATALOG)

    assert "MUG" in text_of(await carl.see("/stock?q=mug"))
    assert "CUP" not in text_of(await carl.see("/stock?q=mug"))
    sheet = text_of(await carl.see("/stock/variant?sku=MUG"))
    assert "50 here" in sheet
    assert "1 promised to orders" in sheet
    assert "49 can be sold now" in sheet
    assert number in sheet
    assert "Mug" in text_of(await carl.see("/products?q=mug"))
    assert "10.00 USD" in text_of(await carl.see("/products/product?slug=mug"))


@pytest.mark.parametrize(
    ("path", "status"),
    [("/stock/variant?sku=NONE", 404), ("/stock/variant", 404), ("/products/product?slug=none", 404),
     ("/stock?cursor=x", 400), ("/stock?low=perhaps", 422), ("/products?q=%00", 422), ("/reports?day=never", 422),
     ("/reports?kind=x", 422), (f"/reports/{UUID(int=0)}", 404), (f"/reports/{UUID(int=0)}/download", 404),
     (f"/reports/{UUID(int=0)}/download?format=exe", 422), (f"/reports/{UUID(int=0)}/download?sheet=../x", 422)],
)  # fmt: skip
async def test_what_is_not_there(api: Api, hire: Hire, path: str, status: int) -> None:
    """Given what is not there, or makes no sense, then a page says so."""
    ada = await hire(Role.ADMIN)
    answer = await ada.see(path)
    assert (answer.status_code, "<h1>" in answer.text) == (status, True), answer.text


async def test_a_report_is_read_and_downloaded(api: Api, till: Till, database: Database, hire: Hire) -> None:
    """Given a report, then those who may read it do, as a page and as files; others see that there is none for them."""
    step = ReportActivities(database, ZoneInfo("UTC")).write_report
    request = WriteReport(ReportKind.DAILY_SALES, date(2026, 3, 29), clock.now(), None)
    report = (await ActivityEnvironment().run(step, request)).report
    fay, ada = await hire(Role.FINANCE), await hire(Role.SUPPORT)

    assert f"/desk/reports/{report.id}" in (await fay.see("/reports")).text
    page = await fay.see(f"/reports/{report.id}")
    assert "Daily sales 2026-03-29" in text_of(page)
    for format, kind in (("csv", "text/csv"), ("json", "application/json"), ("xlsx", "application/vnd")):
        file = await fay.see(f"/reports/{report.id}/download?format={format}")
        assert (file.status_code, file.headers["content-type"].startswith(kind)) == (200, True)
        assert file.headers["content-disposition"] == (
            f'attachment; filename="daily_sales-2026-03-29{"-totals" if format == "csv" else ""}.{format}"'
        )
    assert "None was made that your roles may read." in (await ada.see("/reports")).text
    assert (await ada.see(f"/reports/{report.id}")).status_code == 404
    assert (await ada.send("/reports", {"kind": "daily_sales", "day": "2026-03-29"})).status_code == 403
    for day, status in (("2199-01-01", 409), ("never", 422), ("2026-02-30", 422)):
        no = await fay.send("/reports", {"kind": "daily_sales", "day": day, "key": "m-1"})
        assert (no.status_code, "Not done:" in no.text) == (status, True), no.text
    again = await fay.send("/reports", {"kind": "daily_sales", "day": "2026-03-29", "key": "m-2"})
    assert (again.status_code, again.headers["Location"]) == (303, f"/desk/reports/{report.id}")
