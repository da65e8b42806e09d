"""The unprivileged account of the servers when the node is started by root, and programs that it can reach.

PostgreSQL refuses to run as root. The account is one that exists in passwd already; nothing is created. Its way to the
programs is worked out from the modes of the directories (access control lists are not looked at, so a directory that
opens to the account only by such a list is taken for closed, and costs a copy, not a failure).
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node.embedded.programs import EmbeddedServerError, PostgresPrograms, RedisProgram

PUBLIC_DIRECTORIES = (Path("/var/lib/biaojie/programs"), Path("/var/tmp/biaojie/programs"))  # noqa: S108 (checked below)
USUAL_ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of passwd with all its groups, as numbers."""

    name: str
    uid: int
    gid: int
    groups: frozenset[int]


def choose_account(explicit: str | None = None, existing_data: Path | None = None) -> Account | None:
    """The account to run the servers as; None when this process is not root and so needs none.

    In this order: the name given; the owner of `existing_data` (a finished PostgreSQL data directory opens to its
    owner only, as after `make run` by a person and then by root); `postgres`; `nobody`.
    Raises EmbeddedServerError when the name given does not exist or is root, or when none of the usual ones exists.
    """
    if os.geteuid() != 0:
        return None
    if explicit is not None:
        return _account(explicit)
    if existing_data is not None and existing_data.is_dir():
        with contextlib.suppress(KeyError):
            owner = pwd.getpwuid(existing_data.stat().st_uid)
            if owner.pw_uid != 0:
                return _account(owner.pw_name)
    for name in USUAL_ACCOUNTS:
        with contextlib.suppress(EmbeddedServerError):
            return _account(name)
    raise EmbeddedServerError(
        "PostgreSQL does not run as root and there is no account 'postgres' or 'nobody' to run it as; "
        "create one (useradd --system postgres), or set BIAOJIE_DATABASE_URL.",
        "PostgreSQL 不能以 root 运行，而系统中没有 postgres 或 nobody 账户；"
        "请创建一个（useradd --system postgres），或设置 BIAOJIE_DATABASE_URL。",
    )


def _account(name: str) -> Account:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = None
    if entry is None or entry.pw_uid == 0:
        raise EmbeddedServerError(
            f"The account '{name}' cannot run PostgreSQL: it must exist and must not be root.",
            f"账户“{name}”不能用于运行 PostgreSQL：它必须存在，且不能是 root。",
        )
    return Account(name, entry.pw_uid, entry.pw_gid, frozenset(os.getgrouplist(name, entry.pw_gid)))


def can_enter(path: Path, account: Account | None) -> bool:
    """Whether the account can get to `path`: every directory above it, and itself if it is one, lets it pass."""
    real = path.resolve()
    directories = [*reversed(real.parents), *([real] if os.path.isdir(real) else [])]
    return all(_allowed(directory, account, 0o1) for directory in directories)


def can_use(path: Path, account: Account | None) -> bool:
    """Whether the account can get to the file or directory `path`, read it, and execute it if it is a program."""
    if not path.exists() or not can_enter(path, account):
        return False
    program = path.is_dir() or path.stat().st_mode & 0o111
    return _allowed(path, account, 0o5 if program else 0o4)


def _allowed(path: Path, account: Account | None, bits: int) -> bool:
    if account is None:
        return os.access(path, bits)  # the same bits: R_OK 4, X_OK 1
    status = path.stat()
    if status.st_uid == account.uid:
        return (status.st_mode >> 6) & bits == bits
    if status.st_gid in account.groups:
        return (status.st_mode >> 3) & bits == bits
    return status.st_mode & bits == bits


def reachable_postgres(
    programs: PostgresPrograms, account: Account | None, public_directories: Sequence[Path] = PUBLIC_DIRECTORIES
) -> PostgresPrograms:
    """The same programs where the account can run them: as they are, or a copy in a public directory."""
    install = programs.bin_directory.parent
    wheels = install.parent.parent
    inside = f"{install.parent.name}/{install.name}"
    parts = [f"{inside}/bin/initdb", f"{inside}/bin/postgres", f"{inside}/lib/postgresql", f"{inside}/share"]
    libraries = f"{install.parent.name}.libs"
    needed = [wheels / part for part in parts[:2]]
    if programs.origin == "wheels":
        needed += [install / "share/postgresql/postgres.bki", install / "lib/postgresql/plpgsql.so"]
        needed += (wheels / libraries).glob("lib*")
    if account is None or all(can_use(path, account) for path in needed):
        return programs
    if programs.origin != "wheels":
        raise _unreachable(programs.bin_directory, account)
    name = f"postgres-{'.'.join(map(str, programs.version))}"
    copied = _public_copy(name, wheels, [parts[1], *parts, libraries], account, public_directories)
    return replace(programs, bin_directory=copied.parent)


def reachable_redis(
    program: RedisProgram, account: Account | None, public_directories: Sequence[Path] = PUBLIC_DIRECTORIES
) -> RedisProgram:
    """The same program where the account can run it: as it is, or a copy in a public directory."""
    if account is None or can_use(program.path, account):
        return program
    if program.origin != "wheels":
        raise _unreachable(program.path, account)
    package = program.path.parent.parent
    parts = [f"{package.name}/bin/{program.path.name}", f"{package.name}.libs"]
    name = f"redis-{'.'.join(map(str, program.version))}"
    return replace(program, path=_public_copy(name, package.parent, parts, account, public_directories))


def _public_copy(
    name: str, wheels: Path, parts: Sequence[str], account: Account, public_directories: Sequence[Path]
) -> Path:
    """Copy `parts` (relative to `wheels`; the first is the program) once; returns the program's path in the copy.

    The programs look for libraries by an RPATH that starts at $ORIGIN, and PostgreSQL for its share directory by the
    way from its own program, so the layout inside the wheel is the layout of the copy.
    """
    sources = [path for path in dict.fromkeys(wheels / part for part in parts) if path.exists()]
    digest = hashlib.sha256(sources[0].read_bytes()).hexdigest()[:12]
    for public in public_directories:
        target = public / f"{name}-{digest}"
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            _private_to_root(public)
            if not target.is_dir():
                _copy_then_rename(sources, wheels, target)
            program = target / parts[0]
            if can_use(program, account) and _runs(program, account):
                return program
    raise _unreachable(wheels, account)


def _private_to_root(public: Path) -> None:
    """Make the public directory; refuse one that anybody but root could have filled with programs of theirs."""
    for directory in (public.parent, public):
        with contextlib.suppress(FileExistsError):
            directory.mkdir(parents=True)
            directory.chmod(0o755)
        status = directory.lstat()
        if not directory.is_dir() or directory.is_symlink() or status.st_uid != 0 or status.st_mode & 0o022:
            raise PermissionError(f"{directory} is not a directory of root's alone")


def _copy_then_rename(sources: list[Path], root: Path, target: Path) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=target.parent))
    try:
        for source in sources:
            place = unfinished / source.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("*.a", "pgxs", "__pycache__"))
            else:
                shutil.copy2(source, place)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o555 if path.stat().st_mode & 0o100 else 0o444)
        os.sync()  # once in a lifetime; a power cut must not leave a finished name over empty files
        # Where another node has been quicker, its copy is the same one and the rename fails: keep that.
        with contextlib.suppress(OSError):
            unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _runs(program: Path, account: Account) -> bool:
    """Whether the account can really start it (the public directory may be mounted without that right)."""
    command = [str(program), "--version"]
    ran = subprocess.run(
        command, user=account.uid, group=account.gid, extra_groups=[], capture_output=True, cwd="/", timeout=10
    )
    return ran.returncode == 0


def _unreachable(path: Path, account: Account) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"The account '{account.name}' cannot run the programs in {path}, and they could not be copied to where it can "
        f"({', '.join(map(str, PUBLIC_DIRECTORIES))}); install the server from the distribution's packages, or set "
        "BIAOJIE_DATABASE_URL and BIAOJIE_REDIS_URL.",
        f"账户“{account.name}”无法运行 {path} 中的程序，也无法把它们复制到可访问的位置"
        f"（{'、'.join(map(str, PUBLIC_DIRECTORIES))}）；请安装发行版自带的服务器软件包，"
        "或设置 BIAOJIE_DATABASE_URL 和 BIAOJIE_REDIS_URL。",
    )
