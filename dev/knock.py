"""Asks servers on loopback whether they are there."""

import socket
from contextlib import suppress
from typing import Any

import httpx

from dev.ports import HOST

# One client for all: making one loads every certificate there is, which costs more than the question.
_http = httpx.Client(verify=False, trust_env=False, timeout=2, limits=httpx.Limits(max_keepalive_connections=0))


def answers(url: str) -> bool:
    """Does a GET of this address succeed?"""
    with suppress(httpx.HTTPError):
        return _http.get(url).status_code == 200
    return False


def reply(url: str) -> dict[str, Any] | None:
    """The JSON object a GET of this address gives; None when it does not succeed."""
    with suppress(httpx.HTTPError, ValueError):
        answer = _http.get(url)
        if answer.status_code == 200:
            body: dict[str, Any] = answer.json()
            return body
    return None


def listens(port: int) -> bool:
    """Does this port take connections?"""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def pongs(port: int) -> bool:
    """Does a Redis there answer?"""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False
