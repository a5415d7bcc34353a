"""The page about an order's life is drawn from the data."""

from dev.order_life import BEGIN, DRAWN, END, PAGE, redrawn


def test_the_page_is_as_the_data() -> None:
    """Given docs/order-life.md, then its pictures and tables are what `python -m dev.order_life` draws now."""
    page = PAGE.read_text()
    assert all(page.count(mark.format(name)) == 1 for name in DRAWN for mark in (BEGIN, END))
    assert page == redrawn(page), "run `python -m dev.order_life`"


def test_a_picture_shows_every_move() -> None:
    """Given the axis of payments, then its picture begins, ends, and shows each move once."""
    lines = DRAWN["payment"].splitlines()
    assert lines[2] == "    [*] --> pending"
    assert "    paid --> refunded" in lines and "    voided --> [*]" in lines
    assert len(set(lines)) == len(lines)
