"""Files for everybody: what is there, what a browser has already, and what is nobody's business."""

import httpx
import pytest

from tests.api.conftest import Api, StartApi


@pytest.fixture
async def cup(api: Api) -> str:
    """The address of a picture, beside things that are not for everybody."""
    folder = api.app.state.house.settings.media_dir
    for name in ("products", ".imports", "images/ab"):
        (folder / name).mkdir(parents=True)
    (folder / "products" / "cup.svg").write_bytes(b"<svg/>")
    (folder / "images" / "ab" / "abc.webp").write_bytes(b"x" * 700_000)
    (folder / ".imports" / "list.png").write_bytes(b"secret")
    (folder / ".hidden.png").write_bytes(b"secret")
    (folder / "notes.txt").write_bytes(b"secret")
    (folder / "page.html").write_bytes(b"secret")
    (folder.parent / "outside.png").write_bytes(b"secret")
    return "/media/products/cup.svg"


async def test_a_file(api: Api, cup: str) -> None:
    """Given a picture, then it comes with its kind and length; whoever has it already is told so."""
    answer = await api.get(cup)
    assert (answer.status_code, answer.content) == (200, b"<svg/>")
    assert (answer.headers["content-type"], answer.headers["content-length"]) == ("image/svg+xml", "6")
    assert answer.headers["cache-control"] == "public, max-age=2592000"
    assert "sandbox" in answer.headers["content-security-policy"]
    etag = answer.headers["etag"]
    for known in (etag, f"W/{etag}"):
        same = await api.get(cup, headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    for unknown in ('"other"', "nonsense", '"' + "a" * 1000 + '"', '"\xff"'):
        headers = httpx.Headers({b"If-None-Match": unknown.encode("latin-1")})
        assert (await api.get(cup, headers=headers)).status_code == 200
    head = await api.client.head(cup)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "6")


async def test_a_larger_file(api: Api, cup: str) -> None:
    """Given more than one piece, then all of it comes, and may be kept for ever: its name follows from its content."""
    answer = await api.get("/media/images/ab/abc.webp")
    assert (answer.status_code, answer.content) == (200, b"x" * 700_000)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    [".hidden.png", ".imports/list.png", "%2eimports/list.png", "products/../.hidden.png", "../outside.png",
     "%2e%2e/outside.png", "products/%2e%2e/%2e%2e/outside.png", "..%2foutside.png", "%2fetc/passwd.png", "notes.txt",
     "page.html", "products", "products/", "nothing.png", "a%00.png", "a%0a.png", "%ff.png", "ä.png",
     "a" * 3000 + ".png",
     "a/" * 500 + "b.png", "products%5ccup.svg", "images/../.imports/list.png", "",
     "products/cup.svg%00.png", "💥.webp"],
)  # fmt: skip
async def test_what_is_nobodys_business(api: Api, cup: str, path: str) -> None:
    """Given an address of what is no picture of ours, then there is nothing."""
    answer = await api.get(f"/media/{path}")
    assert answer.status_code == 404, answer.text
    assert b"secret" not in answer.content


async def test_no_folder_at_all(start_api: StartApi) -> None:
    """Given a shop that has no picture yet, then there is nothing, and no fault."""
    api = await start_api(MEDIA_DIR="/proc/nothing")
    answer = await api.get("/media/cup.png")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
