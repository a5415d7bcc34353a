"""Tokens: ours are read back, and whatever somebody makes of one is none of ours."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from models import clock
from models.errors import Refusal
from models.ids import SessionId, UserId, new_id
from models.session import (
    ACCESS_LIFE,
    Claims,
    RefreshClaims,
    access_token,
    read_access_token,
    read_refresh_token,
    refresh_token,
)

KEY, OTHER_KEY = b"0123456789abcdef0123456789abcdef", b"another key of thirty-two bytes!"
USER, SESSION = UserId(new_id()), SessionId(new_id())


def access(key: bytes = KEY, age: timedelta = timedelta(0)) -> str:
    """A token of ours, or of somebody with another key."""
    return access_token(key, USER, SESSION, clock.now() - age)


def code(token: str, key: bytes = KEY) -> str:
    """What reading an access token is refused with."""
    with pytest.raises(Refusal) as refused:
        read_access_token(key, token)
    assert len(token) < 10 or token not in str(refused.value)
    return refused.value.code


def segment(content: object) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    """Anybody can read them."""
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_what_we_give_out_is_read_back() -> None:
    """Given a token, then it names account, session and its end; the same facts make the same token."""
    now = clock.now()
    token = access_token(KEY, USER, SESSION, now)
    assert read_access_token(KEY, token) == Claims(USER, SESSION, now.replace(microsecond=0) + ACCESS_LIFE)
    assert access_token(KEY, USER, SESSION, now) == token
    assert set(claims_of(token)) == {"iss", "sub", "sid", "iat", "exp"}


def test_a_token_expires() -> None:
    """Given a token of fifteen minutes and a second ago, then it has expired; a second before that it has not."""
    assert code(access(age=ACCESS_LIFE + timedelta(seconds=1))) == "token_expired"
    assert read_access_token(KEY, access(age=ACCESS_LIFE - timedelta(seconds=5))).user == USER


def test_an_expired_forgery_is_a_forgery() -> None:
    """Given an old token of another key, then it does not count as expired."""
    assert code(access(OTHER_KEY, ACCESS_LIFE * 2)) == "unauthorized"


OURS = access(age=timedelta(hours=-6))
"""Good for longer than the longest run of all tests, at whose beginning it is made."""
FORGED = {
    "another key": access(OTHER_KEY),
    "no algorithm": jwt.encode(claims_of(OURS), "", "none"),
    "no algorithm, our signature": f"{segment({'alg': 'none'})}.{OURS.partition('.')[2]}",
    "no signature": OURS.rpartition(".")[0] + ".",
    "signed with the key itself": jwt.encode(claims_of(OURS), KEY, "HS256"),
    "another algorithm": jwt.encode(claims_of(OURS), KEY * 2, "HS512"),
    "another account": ".".join(
        [OURS.split(".")[0], segment({**claims_of(OURS), "sub": new_id().hex}), OURS.split(".")[2]]
    ),
    "a later end": ".".join([OURS.split(".")[0], segment({**claims_of(OURS), "exp": 2**40}), OURS.split(".")[2]]),
    "cut short": OURS[:-1],
    "one letter more": OURS + "A",
    "padded": OURS + "=",
    "only two parts": OURS.rpartition(".")[0],
    "four parts": OURS + ".x",
    "a refresh token": refresh_token(KEY, SESSION, 1),
    "blanks": "  ",
    "nothing": "",
    "two dots": "..",
    "no base64": "\u00fc.\u00fc.\u00fc",
    "a header nested beyond reading": base64.urlsafe_b64encode(b"[" * 100_000).decode() + ".e30.AA",
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_token_opens_nothing(forged: str) -> None:
    """Given a token that was made or changed by somebody else, then it is none of ours."""
    assert code(FORGED[forged]) == "unauthorized"


def test_other_spellings_of_a_token_are_none_of_ours() -> None:
    """Given the last letter's unused bits, or letters a lenient reader skips, then only the one text we gave counts."""
    token = access()
    head, _, signature = token.rpartition(".")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = letters.index(signature[-1])
    twins = [f"{token[:-1]}{letters[last & ~3 | bits]}" for bits in range(4) if last & ~3 | bits != last]
    spaced = f"{head}.{signature[:5]}\n{signature[5:]}"
    assert len(twins) == 3
    assert {code(twin) for twin in (*twins, spaced)} == {"unauthorized"}
    assert read_access_token(KEY, token).user == USER


def test_a_refresh_token_is_read_back() -> None:
    """Given any generation, then session and generation are read back."""
    for generation in (1, 2, 2**31):
        token = refresh_token(KEY, SESSION, generation)
        assert read_refresh_token(KEY, token) == RefreshClaims(SESSION, generation)
    assert refresh_token(KEY, SESSION, 1) != refresh_token(KEY, SESSION, 2)


def test_a_forged_refresh_token_is_none_of_ours() -> None:
    """Given another key, another generation under the same signature, or another spelling, then it is refused."""
    token = refresh_token(KEY, SESSION, 1)
    raw = bytearray(base64.urlsafe_b64decode(token))
    raw[19] = 2
    twin = refresh_token(KEY, SessionId(new_id()), 1)
    while not {"-", "_"} & set(twin):
        twin = refresh_token(KEY, SessionId(new_id()), 1)
    forged = [
        refresh_token(OTHER_KEY, SESSION, 1), base64.urlsafe_b64encode(raw).decode(), token[:-1], token + "A",
        token + "====", token[:-4], "", "A" * 48, "\u00fc" * 48, access(), twin.replace("-", "+").replace("_", "/"),
        token[:10] + "\n" + token[10:],
    ]  # fmt: skip
    for each in forged:
        with pytest.raises(Refusal) as refused:
            read_refresh_token(KEY, each)
        assert refused.value.code == "unauthorized", each
