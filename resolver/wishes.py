"""What a reader may ask beside the identifier: the parameters of the Handle HTTP API and of this node. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import FieldProblem, ParameterInvalid
from core.exchange import Ask

AT_LEAST_HEADER = "if-version-at-least"
_TRUE = frozenset(("", "true", "1"))


@dataclass(frozen=True, slots=True)
class Wishes:
    """Read once a request. `at_least` is a version below which no answer is wanted, 0 where it does not matter."""

    types: tuple[str, ...] = ()
    indexes: frozenset[int] = frozenset()
    pretty: bool = False
    public_only: bool = False
    authoritative: bool = False
    at_least: int = 0
    info: bool = False
    explain: bool = False
    ignore_aliases: bool = False

    @property
    def plain(self) -> bool:
        """Whether the whole public record is wanted, from wherever it is at hand."""
        return self == PLAIN


PLAIN = Wishes()


def wishes_of(ask: Ask) -> Wishes:
    """From query and headers. Unknown parameters are passed over, as Handle servers do.

    Raises `ParameterInvalid` for what cannot be understood, and for `callback`: JSONP lets any page run what comes back,
    and cross-origin reading is allowed without it.
    """
    stated = ask.headers.get(AT_LEAST_HEADER)
    if not ask.raw_query and stated is None:
        return PLAIN
    problems: list[FieldProblem] = []
    query = ask.query
    if "callback" in query:
        problems.append(
            FieldProblem("callback", "callback-refused", "JSONP is not served; use CORS", "不支持 JSONP，请使用 CORS")
        )
    wishes = Wishes(
        tuple(query.getall("type", [])),
        frozenset(_number(text, "index", problems) for text in query.getall("index", [])),
        _flag(query.get("pretty")),
        _flag(query.get("publicOnly")),
        _flag(query.get("auth")),
        _number(stated or query["min_version"], "min_version", problems) if stated or "min_version" in query else 0,
        "info" in query,
        "explain" in query,
        _flag(query.get("ignore_aliases")),
    )
    if problems:
        raise ParameterInvalid(errors=tuple(problems), responseCode=ParameterInvalid.handle_code)
    return wishes


def _flag(text: str | None) -> bool:
    return text is not None and text.lower() in _TRUE


def _number(text: str, name: str, problems: list[FieldProblem]) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) < 2**32:
        return int(text)
    en = f"'{text[:20]}' is not a whole number from 1 to 4294967295"
    zh = f"“{text[:20]}”不是 1 到 4294967295 的整数"
    problems.append(FieldProblem(name, "index-invalid" if name == "index" else "number-invalid", en, zh))
    return 0
