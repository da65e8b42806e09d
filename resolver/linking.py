"""Answers made of links: a redirect, a choice, a linkset. Takes records and a wish, gives an `Answer`; asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from core.errors import FieldProblem, LinkNotAcceptable, LinkUnknown, ParameterInvalid
from core.exchange import JSON, Answer, Ask
from core.negotiation import wants
from resolver.links import (
    LINKSET,
    LINKSET_WORDS,
    Link,
    LinkWish,
    acceptable,
    choose,
    curie_of,
    linkset,
    wants_linkset,
    with_query,
)

_MOST_TYPE = 200
# What makes JSON-LD of a linkset (GS1-Conformant resolver standard 1.2.0); for programs that want triples.
_CONTEXT = (
    '<https://ref.gs1.org/standards/resolver/linkset-context>; rel="http://www.w3.org/ns/json-ld#context"; '
    'type="application/ld+json"'
)
_PLAIN = "%/:@!$&'()*+,;=~"  # what stands in a path and cannot end the address in a Link field


@dataclass(frozen=True, slots=True)
class Level:
    """A record that was asked for or lies above it. `anchor` is its address, `description` what it is called."""

    anchor: str
    description: str
    links: Sequence[Link]


def asks_for_links(ask: Ask) -> bool:
    """Whether a request has a wish of this kind: `?linkType=`, or the linkset by `Accept`."""
    return (bool(ask.raw_query) and "linkType" in ask.query) or wants_linkset(ask.headers.get("accept", ""))


def linked(ask: Ask, levels: Sequence[Level], headers: Mapping[str, str]) -> Answer | None:
    """What to say; None where nothing was wished and there is no default link. `levels` begin with the most particular one;
    each wish is served by the first that can.

    Raises `ParameterInvalid` (linkType without a name), `LinkUnknown`, `LinkNotAcceptable`.
    """
    accept, kind = ask.headers.get("accept", ""), _link_type(ask)
    if kind in LINKSET_WORDS or (kind is None and wants_linkset(accept)):
        return _linkset(levels, headers, LINKSET)
    if kind is None and wants(accept) == "json":
        return _linkset(levels, headers, JSON)
    wish = LinkWish(kind, accept, ask.headers.get("accept-language", ""), ask.query.get("context") if kind else None)
    found = next((chosen for level in levels if (chosen := choose(level.links, wish))), [])
    headers = {
        **headers,
        "Link": f'<{quote(ask.raw_path, safe=_PLAIN)}?linkType=linkset>; rel="linkset"; type="{LINKSET}"',
    }
    if not found:
        if kind is None:
            return None
        raise LinkUnknown(f"There is no link {kind}", f"没有类型为 {kind} 的链接", headers=dict(headers), linkType=kind)
    if kind is not None and not (found := [link for link in found if acceptable(link, accept)]):
        raise LinkNotAcceptable(headers=dict(headers), linkType=kind)
    if len(found) > 1:
        body = orjson.dumps({"linkType": kind, "links": [link.target() for link in found]})
        return Answer(300, body, {**headers, "Content-Type": JSON})
    return Answer(307, b"", {**headers, "Location": with_query(found[0].href, ask.raw_query)})


def _linkset(levels: Sequence[Level], headers: Mapping[str, str], kind: str) -> Answer:
    body = linkset([(level.anchor, level.description, level.links) for level in levels])
    return Answer(200, body, {"Content-Type": kind, "Link": _CONTEXT, **headers})


def _link_type(ask: Ask) -> str | None:
    if not ask.raw_query or (text := ask.query.get("linkType")) is None:
        return None
    if 0 < len(text) <= _MOST_TYPE and text.isprintable():
        return curie_of(text)
    en, zh = f"must be 1 to {_MOST_TYPE} characters, as gs1:pip", f"必须是 1 到 {_MOST_TYPE} 个字符，例如 gs1:pip"
    raise ParameterInvalid(errors=(FieldProblem("linkType", "link-type-invalid", en, zh),))
