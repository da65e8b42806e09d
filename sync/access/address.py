"""Where the top level is and how it is spoken to, read from one URL. Pure.

`https://host/epp` (signed HTTP, the default path is `/epp`), `tls://host:700` (EPP over TLS), and, on this machine only,
`http://` and `tcp://` in the clear. `vendor:` stands for a form that is not public.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80, "tls": 700, "tcp": 700}
_ENCRYPTED = ("https", "tls")
DEFAULT_PATH = "/epp"


@dataclass(frozen=True, slots=True)
class TopLevelAddress:
    """`path` is of signed HTTP only."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def encrypted(self) -> bool:
        return self.scheme in _ENCRYPTED

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def read_address(text: str) -> TopLevelAddress:
    """Raises ValueError with one sentence in both languages."""
    if text.startswith("vendor:"):
        raise ValueError(
            "the vendor's own transport is not public and not built; use https:// or tls:// "
            "厂商私有传输方式未公开，尚未实现；请使用 https:// 或 tls://"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(
            "must be https://host[:port][/path] or tls://host[:port] 应为 https://主机[:端口][/路径] 或 tls://主机[:端口]"
        )
    if parts.scheme not in _ENCRYPTED and not is_loopback(parts.hostname):
        raise ValueError("without TLS only on this machine (127.0.0.1, ::1, localhost) 不加密时仅限本机回环地址")
    path = (parts.path.rstrip("/") or DEFAULT_PATH) if parts.scheme in ("https", "http") else ""
    return TopLevelAddress(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
