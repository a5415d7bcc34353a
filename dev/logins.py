"""Who can sign in to the sample shop: an administrator and a shopper, their passwords made on the first start."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dev.state import Secrets
from models.roles import Role

EMAILS: Mapping[Role, str] = {Role.ADMIN: "admin@holdfast.example", Role.CUSTOMER: "shopper@holdfast.example"}


class Login(NamedTuple):
    """What somebody types to sign in."""

    role: Role
    email: str
    password: str


def logins(secrets: Secrets) -> list[Login]:
    """As `make up` says and seeds them; a password that its owner has changed since is not known here."""
    passwords = {Role.ADMIN: secrets.admin_password, Role.CUSTOMER: secrets.shopper_password}
    return [Login(role, email, passwords[role]) for role, email in EMAILS.items()]


def variable(role: Role) -> str:
    """By which the seed is told a password: everybody on the machine may read command lines."""
    return f"SEED_{role.upper()}_PASSWORD"


def login_lines(people: Iterable[Login]) -> list[str]:
    """One line each, for a terminal."""
    titles = {Role.ADMIN: "administrator", Role.CUSTOMER: "shopper"}
    return [f"  {titles[Role(login.role)]:<22} {login.email:<26} {login.password}" for login in people]
