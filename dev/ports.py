"""Where each part listens: all ports follow from one base, so that stacks can stand side by side."""

import random
import socket
from dataclasses import asdict, dataclass, fields

HOST = "127.0.0.1"
DEFAULT_BASE = 8000

_OFFSETS = {
    "api": 0,
    "stripe": 1,
    "mail": 2,
    "smtp": 3,
    "redis": 4,
    "worker_metrics": 5,
    "temporal_metrics": 6,
    "postgres": 7,
    "chapa": 8,
    "temporal_ui": 233,
    "temporal": 234,
}


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One TCP port on the loopback interface for each thing that listens."""

    api: int
    stripe: int
    mail: int
    smtp: int
    redis: int
    worker_metrics: int
    temporal_metrics: int
    postgres: int
    chapa: int
    temporal_ui: int
    temporal: int

    @classmethod
    def from_base(cls, base: int) -> "Ports":
        """The ports of a stack: API at `base`, the rest at fixed distances. Raises: ValueError out of range."""
        if not 1024 <= base <= 65535 - max(_OFFSETS.values()):
            raise ValueError(
                f"HOLDFAST_PORT_BASE must lie between 1024 and {65535 - max(_OFFSETS.values())}, not {base}"
            )
        return cls(**{name: base + offset for name, offset in _OFFSETS.items()})

    def by_name(self) -> dict[str, int]:
        """All of them, for a loop or for JSON."""
        return asdict(self)

    @classmethod
    def free(cls) -> "Ports":
        """Ports nobody listens on now and no other stack of the tests was given, all different."""
        # Below the range from which the kernel takes the near ends of connections, which could come in between.
        candidates = (port for port in random.SystemRandom().sample(range(10_000, 30_000), 1000) if claim(port))
        return cls(**{field.name: next(candidates) for field in fields(cls)})


def claim(port: int) -> bool:
    """Keep a free port for this process as long as it lives, though nothing listens there yet. Returns whether we may.

    Two test processes that look for ports at the same moment would find the same ones free. The mark is the datagram
    port of the same number, which none of our servers uses, and which the kernel frees with the process.
    """
    if is_taken(port):
        return False
    with socket.socket(type=socket.SOCK_DGRAM) as mark:
        try:
            mark.bind((HOST, port))
        except OSError:
            return False
        mark.detach()
    return True


def is_taken(port: int) -> bool:
    """Does anybody listen on this port already?"""
    with socket.socket() as knock:
        knock.settimeout(0.2)
        if knock.connect_ex((HOST, port)) == 0:
            return True
    with socket.socket() as probe:
        # A port that only waits out closed connections may be used again at once, as the servers do.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False
