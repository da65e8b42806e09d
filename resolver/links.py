"""Links of a record: read from its values, chosen by what a client asks for, told as a linkset (RFC 9264). Pure.

A value of a type such as `gs1:pip` is a link; its data is an address, or JSON text `{"href", "title", "type", "hreflang":
[…], "context": […]}`. `gs1:defaultLink` is where a client without wishes is sent; where there is none, the first `URL` value
is. Source: GS1-Conformant resolver standard 1.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from core.identifier import shorten
from core.negotiation import qualities
from core.values import HandleValue
from resolver.answers import is_web_address

VOCABULARY = "https://ref.gs1.org/voc/"
_ALSO = ("https://gs1.org/voc/", "https://www.gs1.org/voc/", "http://gs1.org/voc/")
CURIE = "gs1:"
DEFAULT, DEFAULT_MANY = "gs1:defaultLink", "gs1:defaultLinkMulti"
LINKSET = "application/linkset+json"
LINKSET_WORDS = frozenset(("linkset", "all"))
_MOST_LANGUAGES = 20
_SAFE = "%/:?#[]@!$&'()*+,;=~"  # header fields are ASCII


@dataclass(frozen=True, slots=True)
class Link:
    """`type` is the CURIE, `media` what is behind it, where that was said."""

    type: str
    href: str
    title: str
    media: str | None = None
    languages: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()

    @property
    def relation(self) -> str:
        return VOCABULARY + self.type[len(CURIE) :]

    def target(self) -> dict[str, Any]:
        """The target object; the default link has an address and a title only."""
        told: dict[str, Any] = {"href": self.href, "title": self.title}
        if self.type == DEFAULT:
            return told
        if self.media:
            told["type"] = self.media
        if self.languages:
            told["hreflang"] = list(self.languages)
        if self.contexts:
            told["context"] = list(self.contexts)
        return told


@dataclass(frozen=True, slots=True)
class LinkWish:
    """What a client asks for: a CURIE or None for the default link, and its likings."""

    type: str | None
    accept: str
    languages: str
    context: str | None


def curie_of(text: str) -> str:
    """`gs1:pip`, however it was written."""
    for space in (VOCABULARY, *_ALSO):
        if text.startswith(space):
            return CURIE + text[len(space) :]
    return text


def links_of(values: Sequence[HandleValue], title: str) -> list[Link]:
    """In order of index; what cannot be followed is left out, and all default links but the first: there is exactly one.

    `title` is for links that have none of their own.
    """
    found: list[Link] = []
    for value in values:
        link = link_of(value, title)
        if link is not None and not (link.type == DEFAULT and any(other.type == DEFAULT for other in found)):
            found.append(link)
    if not any(link.type == DEFAULT for link in found):
        plain = next((one for one in values if one.type == "URL" and _is_address(one.data)), None)
        if plain is not None:
            found.insert(0, Link(DEFAULT, quote(plain.data, safe=_SAFE), title))
    return found


def choose(links: Sequence[Link], wish: LinkWish) -> list[Link]:
    """The links that suit best, more than one where nothing tells them apart, none where there is none of the type."""
    if wish.type is None:
        several = [link for link in links if link.type in (DEFAULT, DEFAULT_MANY)]
        if any(link.type == DEFAULT_MANY for link in several):
            by_language = _best(several, lambda link: _liking(wish.languages, link.languages))
            if len(by_language) == 1:
                return by_language
        return [link for link in several if link.type == DEFAULT][:1]
    found = [link for link in links if link.type == wish.type]
    if wish.context is not None and (fitting := [link for link in found if wish.context in link.contexts]):
        found = fitting
    found = _best(found, lambda link: _liking(wish.languages, link.languages))
    return _best(found, lambda link: _media_liking(wish.accept, link.media))


def acceptable(link: Link, accept: str) -> bool:
    """Whether a client may be sent there; a link that does not say what it leads to may be anything."""
    return link.media is None or not accept.strip() or _media_liking(accept, link.media) > 0.0


def wants_linkset(accept: str) -> bool:
    """Whether the linkset is named, and nothing that a person or a program could be given instead is liked better."""
    if LINKSET not in accept:
        return False
    liked = qualities(accept)
    return liked.get(LINKSET, 0.0) >= max(0.001, liked.get("text/html", 0.0), liked.get("application/json", 0.0))


def linkset(levels: Sequence[tuple[str, str, Sequence[Link]]]) -> bytes:
    """(anchor, description, links) of each level, the most particular first, as `application/linkset+json`."""
    contexts = []
    for anchor, description, links in levels:
        told: dict[str, Any] = {"anchor": anchor, "description": description}
        for link in links:
            told.setdefault(link.relation, []).append(link.target())
        contexts.append(told)
    return orjson.dumps({"linkset": contexts})


def with_query(href: str, raw_query: str) -> str:
    """The address with the query of the request passed on."""
    if not raw_query:
        return href
    address, mark, fragment = href.partition("#")
    joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return f"{address}{joint}{raw_query}{mark}{fragment}"


def link_of(value: HandleValue, title: str) -> Link | None:
    """The link that a value is; None for a value of another kind, and for what cannot be followed."""
    if not value.type.startswith(CURIE) or not isinstance(value.data, str):
        return None
    told: Any = {"href": value.data}
    if value.data.startswith("{"):
        try:
            told = orjson.loads(value.data)
        except orjson.JSONDecodeError:
            return None
    if not _is_address(told.get("href")):
        return None
    media, named = told.get("type"), told.get("title")
    return Link(
        value.type,
        quote(told["href"], safe=_SAFE),
        named if isinstance(named, str) and named else title,
        media.lower() if isinstance(media, str) else None,
        _texts(told.get("hreflang")),
        _texts(told.get("context")),
    )


def _texts(raw: Any) -> tuple[str, ...]:
    several = raw if isinstance(raw, list) else [raw]
    return tuple(one for one in several[:_MOST_LANGUAGES] if isinstance(one, str) and one)


def _is_address(raw: Any) -> bool:
    return isinstance(raw, str) and is_web_address(raw)


def _best(links: Sequence[Link], liking: Any) -> list[Link]:
    likings = [liking(link) for link in links]
    return [link for link, liked in zip(links, likings, strict=True) if liked == max(likings)]


def _liking(accept_language: str, offered: tuple[str, ...]) -> float:
    """How much a link in these languages is liked: `zh` suits who likes `zh-CN` and the other way round; a link without
    languages suits nobody better than another."""
    liked = qualities(accept_language)
    best = 0.0
    for language in (one.lower() for one in offered):
        for tag, quality in liked.items():
            if tag == language:
                best = max(best, quality)
            elif tag.partition("-")[0] == language.partition("-")[0]:
                best = max(best, quality * 0.9)
    return best


def _media_liking(accept: str, media: str | None) -> float:
    if media is None:
        return 0.0
    liked = qualities(accept)
    return max(liked.get(media, 0.0), 0.9 * liked.get(media.partition("/")[0] + "/*", 0.0), 0.5 * liked.get("*/*", 0.0))


def title_of(values: Sequence[HandleValue], identifier: str) -> str:
    """What a record is called: the text of a value whose type says so, else its identifier."""
    for value in values:
        if value.type in ("PRODUCT_NAME", "TITLE", "NAME", "DESC") and isinstance(value.data, str) and value.data:
            return value.data[:200]
    return shorten(identifier, 200)[1:-1]
