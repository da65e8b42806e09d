"""Several locations of one thing: which is chosen, and what is not read."""

from __future__ import annotations

import pytest

from resolver.locations import MAX_TEXT, choose_location, read_locations

THREE = (
    '<locations><location href="https://a.example/" weight="1" country="cn"/>'
    '<location href="https://b.example/" weight="3"/><location href="https://c.example/" weight="0" id="7"/></locations>'
)


@pytest.mark.parametrize(
    ("wanted", "point", "href"),
    [
        ([], 0.0, "https://a.example/"),
        ([], 0.24, "https://a.example/"),
        ([], 0.25, "https://b.example/"),
        ([], 0.999, "https://b.example/"),
        (["country:cn"], 0.9, "https://a.example/"),
        (["id:7"], 0.9, "https://c.example/"),  # of weight 0, but asked for
        (["country:us"], 0.9, "https://b.example/"),  # none fits: by weight
        (["country:cn", "id:7"], 0.9, "https://b.example/"),
    ],
)
def test_by_attribute_then_by_weight(wanted: list[str], point: float, href: str) -> None:
    chosen = choose_location(read_locations(THREE), wanted, lambda: point)
    assert chosen is not None and chosen.href == href


@pytest.mark.parametrize(
    "text",
    [
        "", "<locations", "<!DOCTYPE x [<!ENTITY a 'b'>]><locations/>", "<locations>" + " " * MAX_TEXT + "</locations>",
        '<locations><location href="javascript:alert(1)"/></locations>', "<locations><location/></locations>",
    ],
)  # fmt: skip
def test_what_cannot_be_followed_or_is_not_safe_to_read_gives_no_location(text: str) -> None:
    assert read_locations(text) == ()
