"""Passwords: which ones will do, and how one is kept and compared without holding anybody up."""

import asyncio
import time

import pytest
from argon2 import PasswordHasher, extract_parameters

from models.errors import Refusal, Unavailable
from models.password import LONGEST, MOST_WAITING, SHORTEST, Passwords, check, generated

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""For tests that ask something else than how dear it is."""


def reason(password: str, *about: str | None) -> str | None:
    """Why it will not do; None: it will."""
    try:
        check(password, *about)
    except Refusal as refusal:
        assert (refusal.code, refusal.facts["shortest"], refusal.facts["longest"]) == ("password_unacceptable", 8, 128)
        return str(refusal.facts["reason"])
    return None


@pytest.mark.parametrize(
    "password",
    ["correct horse battery staple", "aB3$xyzw", "a        b", "пароль-секрет", "🦄🌈🍕🚀🎸🎈🐙🌵", "x\0y\nz\tabc",
     "zwölfßäöü", "only-lower-case", "01928374655", "e\u0301" * 4 + "abcd"],
)  # fmt: skip
def test_anything_that_is_no_guess_will_do(password: str) -> None:
    """Given any characters, with or without capitals, digits and signs, then they are a password."""
    assert reason(password) is None


@pytest.mark.parametrize(
    ("password", "wanted"),
    [
        ("x1y2z3w", "too_short"), ("x1y2z3w4", None), ("", "too_short"), ("🦄🌈🍕🚀🎸🎈🐙", "too_short"),
        ("e\u0301e\u0301xyzab", "too_short"),  # 9 code points, but 7 characters in one way of writing
        ("\ufdfa", None), ("xy z" * 31 + "1234", None), ("xy z" * 31 + "12345", "too_long"),
    ],
)  # fmt: skip
def test_length_is_counted_in_characters(password: str, wanted: str | None) -> None:
    """Given accents and emoji, then what is counted are characters in NFKC, at least 8 and at most 128."""
    assert reason(password) == wanted
    assert (SHORTEST, LONGEST) == (8, 128)


@pytest.mark.parametrize(
    "password", ["password", "PassWord", "12345678", "qwertyuiop", "iloveyou", "１２３４５６７８", "trustno1"]
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    """Given one of the passwords that people really use, in whatever case or width, then it will not do."""
    assert reason(password) == "common"


@pytest.mark.parametrize("password", ["zzzzzzzz", "xyxyxyxyx", "abcabcabcabc", "abcdefghijk", "987654321", "ööööööööö"])
def test_what_only_repeats_or_counts_is_refused(password: str) -> None:
    """Given one to three characters over and over, or an alphabet, then it will not do."""
    assert reason(password) in ("repetitive", "common")


@pytest.mark.parametrize(
    ("password", "wanted"),
    [
        ("ada.lovelace@example.com", "personal"), ("Ada.Lovelace@example.com!", "personal"), ("lovelace", "personal"),
        ("Lovelace1843", "personal"), ("xLOVELACEx", "personal"), ("holdfast2024", "personal"),
        ("shop.acme.test1", "personal"), ("lovelace and the engine", None), ("adaadada9", None),
        ("Ada is my name", None),
    ],
)  # fmt: skip
def test_one_s_own_name_is_no_password(password: str, wanted: str | None) -> None:
    """Given address, names and the shop's address, then these with little more will not do; with more they do."""
    assert reason(password, "ada.lovelace@example.com", "Ada", "Lovelace", None, "shop.acme.test") == wanted


async def test_it_is_kept_as_argon2id_with_the_parameters_of_rfc_9106() -> None:
    """Given a password, then what is kept has 64 MiB, three passes and four lanes, and never the same twice."""
    passwords = Passwords()
    one, two = await asyncio.gather(passwords.hashed("correct horse"), passwords.hashed("correct horse"))
    assert one != two
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await passwords.matches(one, "correct horse")
    assert not await passwords.matches(one, "correct horsf")
    assert not passwords.is_outdated(one)
    passwords.close()


async def test_nobody_s_password_costs_what_a_real_one_does() -> None:
    """Given no account, then a hash of the very same parameters is compared, and nothing matches it."""
    passwords = Passwords()
    kept = await passwords.hashed("correct horse")
    assert extract_parameters(passwords._nobodys) == extract_parameters(kept)
    assert [await passwords.matches(None, word) for word in ("", "correct horse")] == [False, False]
    passwords.close()


async def test_other_parameters_are_outdated() -> None:
    """Given a hash of weaker parameters, then it still matches, and is known to be outdated."""
    passwords = Passwords(CHEAP)
    old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash("correct horse")
    assert await passwords.matches(old, "correct horse")
    assert passwords.is_outdated(old)
    passwords.close()


async def test_two_ways_of_writing_are_one_password() -> None:
    """Given an accent as one character or two, and letters of another width, then they match."""
    passwords = Passwords(CHEAP)
    kept = await passwords.hashed("cafe\u0301 au lait １")
    assert await passwords.matches(kept, "caf\u00e9 au lait 1")
    passwords.close()


async def test_the_loop_never_waits_and_the_threads_are_few() -> None:
    """Given eight passwords at once on two threads, then the loop goes on turning meanwhile."""
    passwords = Passwords(at_once=2)
    turns, under_way = 0, asyncio.gather(*(passwords.hashed(f"correct horse {n}") for n in range(8)))
    began = time.monotonic()
    while not under_way.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert len(set(await under_way)) == 8
    assert turns > 10
    assert time.monotonic() - began < 60
    assert len(passwords._threads._threads) == 2
    passwords.close()


async def test_a_crowd_is_sent_away() -> None:
    """Given more passwords than may wait, then those too many are told to come back, and the others are done."""
    passwords = Passwords(CHEAP, at_once=2)
    answers = await asyncio.gather(
        *(passwords.hashed(f"correct horse {n}") for n in range(MOST_WAITING + 5)), return_exceptions=True
    )
    sent_away = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(answer) for answer in sent_away] == [Unavailable] * 3
    assert await passwords.matches(str(answers[0]), "correct horse 0")
    passwords.close()


def test_a_generated_password_will_do() -> None:
    """Given many, then each is its own, long enough and no guess."""
    made = {generated() for _ in range(100)}
    assert len(made) == 100
    assert {reason(password) for password in made} == {None}
