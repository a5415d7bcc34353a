"""What is told to the outside, where it may go, and how it is signed: by the scheme's own library and test vector."""

import base64
import hmac
from hashlib import sha256
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from models import clock
from models.errors import Refusal
from models.order import INTERNAL
from models.outgoing import (
    EVERYTHING,
    LONGEST,
    TEST,
    TOLD,
    Topic,
    is_public,
    must_be_sendable,
    secret,
    signature,
    wait,
)

ONE = UUID("01890000-0000-7000-8000-000000000001")


def test_every_topic_is_told_of_something() -> None:
    """Given the table, then each topic has its fact, none is the word for all or for a test; staff's own notes stay."""
    assert set(TOLD.values()) == set(Topic)
    assert not {EVERYTHING, TEST} & set(Topic)
    assert set(TOLD) & INTERNAL == {"dispute_opened", "dispute_won", "dispute_lost"}
    assert not {"order_placed", "payment_authorized", "payment_declined", "order_on_hold"} & set(TOLD)


def test_the_signature_is_that_of_the_scheme() -> None:
    """Given a message, then each signature is what the scheme's own library makes, one a secret, newest first."""
    now, body, secrets = clock.now(), '{"ä": 1}', [secret(b"k" * 32, ONE, n) for n in (2, 1)]
    made = signature(secrets, "msg", int(now.timestamp()), body.encode())
    assert made.split(" ") == [Webhook(each).sign("msg", now, body) for each in secrets]
    key = base64.b64decode(secrets[0].removeprefix("whsec_"))
    assert len(key) == 32 and len(set(secrets)) == 2
    signed = f"msg.{int(now.timestamp())}.{body}".encode()
    assert base64.b64decode(made.split(" ")[0][3:]) == hmac.new(key, signed, sha256).digest()


def test_a_secret_is_its_receivers_alone() -> None:
    """Given another key, receiver or number, then it is another secret; given the same, the same."""
    other = UUID(int=ONE.int + 1)
    made = {secret(key, each, n) for key in (b"a" * 32, b"b" * 32) for each in (ONE, other) for n in (1, 2)}
    assert len(made) == 8
    assert secret(b"a" * 32, ONE, 1) in made


def test_tries_come_ever_more_slowly() -> None:
    """Given so many tries, then the wait is thrice as long each time, at most six hours, and never quite the same."""
    for tries, seconds in ((1, 5), (2, 15), (3, 45), (6, 1215), (9, 21600), (1000, 21600)):
        waits = {wait(tries) for _ in range(50)}
        assert len(waits) > 40
        assert all(0.8 * seconds <= each.total_seconds() <= 1.2 * seconds for each in waits)
    assert LONGEST.total_seconds() == 72 * 3600


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0",
     "100.64.0.1", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
     "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1",
     "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1",
     "2002:7f00:1::1", "2001::1", "2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1"],
)  # fmt: skip
def test_what_is_not_public(address: str) -> None:
    """Given an address inside, of this machine, of many, of nobody, or with another in it, then it is not public."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450::8b"])
def test_what_is_public(address: str) -> None:
    """Given an address of the internet, then it is."""
    assert is_public(address)


def test_where_messages_may_be_sent() -> None:
    """Given addresses, then names with TLS are taken; inside, or without it, only where that is allowed."""
    for url in (
        "https://a.example",
        "https://a.example:8443/x?y=z",
        "https://8.8.8.8/",
        "https://b\u00fccher.example/",
    ):
        must_be_sendable(url, private=False)
    for url in ("http://a.example", "https://127.0.0.1", "https://[::1]:1/", "http://localhost:9000/hook"):
        must_be_sendable(url, private=True)
    for url in ("http://a.example", "https://127.0.0.1", "https://[::1]:1/"):
        with pytest.raises(Refusal, match="address"):
            must_be_sendable(url, private=False)
    for url in ("ftp://a.example", "https://", "https://u@a.example", "https://:p@a.example", "https://a.example/#b"):
        with pytest.raises(Refusal, match="address"):
            must_be_sendable(url, private=True)
