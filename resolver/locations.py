"""Values of the type `10320/loc`: several places of one thing, chosen by attribute or by weight. Pure.

`<locations chooseby="locatt,weighted"><location href="…" weight="1" country="cn"/>…</locations>` as Handle proxies read it:
`?locatt=country:cn` takes those that say so, and among them chance decides by weight (1 where none is stated; one of weight
0 is taken only where it is asked for). Country by address is not looked up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote
from xml.etree import ElementTree

from core.values import HandleValue
from resolver.answers import is_web_address

LOCATIONS = "10320/loc"
MAX_TEXT, MAX_LOCATIONS = 65_536, 200
_WEIGHT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Location:
    href: str
    weight: float
    attributes: tuple[tuple[str, str], ...]


@lru_cache(maxsize=1_000)
def read_locations(text: str) -> tuple[Location, ...]:
    """Those that a browser can be sent to; none where the text is not such XML, is too long, or declares a document type
    (whose entities could grow without end)."""
    if len(text) > MAX_TEXT or "<!" in text or "<?xml-" in text:
        return ()
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - no document type came this far
    except (ElementTree.ParseError, ValueError):
        return ()
    found = []
    for element in root.findall("location")[:MAX_LOCATIONS]:
        href = element.get("href", "")
        if is_web_address(href):
            stated = element.get("weight", "1")
            weight = float(stated) if _WEIGHT.fullmatch(stated) else 0.0
            found.append(Location(quote(href, safe="%/:?#[]@!$&'()*+,;=~"), weight, tuple(element.items())))
    return tuple(found)


def locations_of(values: Sequence[HandleValue]) -> tuple[Location, ...]:
    """Of the first value of this type."""
    return next((read_locations(one.data) for one in values if one.type == LOCATIONS and isinstance(one.data, str)), ())


def choose_location(
    locations: Sequence[Location], wanted: Sequence[str], random: Callable[[], float]
) -> Location | None:
    """`wanted` are `key:value` texts, all of which must hold; where none fits, they are passed over. `random` gives numbers
    from 0 up to 1."""
    pairs = [(name, value) for name, _, value in (text.partition(":") for text in wanted)]
    fitting = [one for one in locations if all(pair in one.attributes for pair in pairs)] if pairs else []
    candidates = fitting or locations
    total = sum(one.weight for one in candidates)
    if total <= 0.0:
        return candidates[0] if fitting else None
    point = random() * total
    for one in candidates:
        point -= one.weight
        if point < 0.0:
            return one
    return next(one for one in reversed(candidates) if one.weight)
