"""Every product has a picture that a browser can show, the same on every machine."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from dev.pictures.draw import draw
from dev.seed.catalog import Good, goods
from dev.seed.fill import hang_pictures


def test_every_product_gets_its_file_once(tmp_path: Path) -> None:
    """A second run writes nothing; a lost or spoiled picture is drawn again; no half file is left."""
    names = {good.image for good in goods()}

    assert hang_pictures(tmp_path) == len(names)
    assert {path.name for path in (tmp_path / "products").iterdir()} == names
    assert hang_pictures(tmp_path) == 0

    (tmp_path / "products" / "stoneware-mug.svg").unlink()
    (tmp_path / "products" / "teapot.svg").write_text("spoiled")
    assert hang_pictures(tmp_path) == 2
    assert {path.name for path in (tmp_path / "products").iterdir()} == names


@pytest.mark.parametrize("good", goods(), ids=lambda good: good.slug)
def test_a_picture_is_well_formed_and_refers_to_nothing_it_lacks(good: Good) -> None:
    """One square SVG with a title; every paint it names is defined; no script, nothing loaded from elsewhere."""
    picture = good.picture
    drawn = draw(good.slug, good.alt, picture.kind, picture.main, picture.accent, picture.word)

    root = ElementTree.fromstring(drawn)

    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox") == "0 0 800 800"
    assert root.findtext("{http://www.w3.org/2000/svg}title") == good.alt
    defined = {f"url(#{element.get('id')})" for element in root.iter() if element.get("id")}
    named = {value for element in root.iter() for value in element.attrib.values() if value.startswith("url(")}
    assert named <= defined
    assert "<script" not in drawn and "href" not in drawn
    assert len(drawn) < 40_000


def test_pictures_of_one_kind_differ_by_colour_and_a_picture_never_changes() -> None:
    """The same arguments give the same bytes."""
    sand = draw("a-mug", "A mug", "mug", "sand", "ink")

    assert sand == draw("a-mug", "A mug", "mug", "sand", "ink")
    assert sand != draw("a-mug", "A mug", "mug", "moss", "ink")


def test_print_on_a_book_is_escaped() -> None:
    """A title is text, whatever stands in it."""
    drawn = draw("b", "<b> & co", "book-knot", "ink", "sand", "Knots &|<script>")

    assert "<script>" not in drawn
    assert "Knots &amp;" in drawn
