"""The description tells everything in English and in Chinese, so that the page of the calls is whole in both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from node.openapi import specification
from node.reference import METHODS, reference

_HAN = re.compile("[\u4e00-\u9fff]")
DOCUMENT = specification()


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the document that is not an example, with where it stands."""
    if isinstance(node, dict):
        yield path, node
        for name, member in node.items():
            if name not in ("example", "examples"):
                yield from nodes(member, f"{path}/{name}")
    elif isinstance(node, list):
        for number, member in enumerate(node):
            yield from nodes(member, f"{path}/{number}")


def test_every_description_is_told_in_both_languages() -> None:
    """`said` in `node/openapi/parts.py` gives both."""
    told = [(path, node) for path, node in nodes(DOCUMENT) if isinstance(node.get("description"), str)]
    assert len(told) > 100
    for path, node in told:
        assert _HAN.search(node.get("x-zh-description", "")), f"{path}: {node['description']}"
        assert node["description"] and not _HAN.search(node["description"]), path


def test_nothing_is_told_in_chinese_only() -> None:
    assert [path for path, node in nodes(DOCUMENT) if "x-zh-description" in node and "description" not in node] == []


def test_everything_a_reader_meets_is_described() -> None:
    """The document itself, its tags and keys, parameters, answers and their headers."""
    assert "description" in DOCUMENT["info"]
    assert all("description" in tag for tag in DOCUMENT["tags"])
    assert all("description" in scheme for scheme in DOCUMENT["components"]["securitySchemes"].values())
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                for parameter in operation.get("parameters", []):
                    assert "description" in parameter, (method, path, parameter["name"])
                for status, answer in operation["responses"].items():
                    assert "description" in answer, (method, path, status)
                    assert all("description" in header for header in answer.get("headers", {}).values())


def test_the_page_shows_each_language_alone() -> None:
    english, chinese = reference(DOCUMENT, "en"), reference(DOCUMENT, "zh")
    assert not _HAN.search(english.about) and _HAN.search(chinese.about)
    for one, other in zip(english.groups, chinese.groups, strict=True):
        assert not _HAN.search(one.name + one.about), one.name
        assert _HAN.search(other.name) and _HAN.search(other.about), other.name
        for call, the_same in zip(one.calls, other.calls, strict=True):
            assert not _HAN.search(call.summary), call.summary
            assert _HAN.search(the_same.summary), the_same.summary
            assert not any(_HAN.search(answer.about) for answer in call.answers), call.anchor
            assert all(_HAN.search(answer.about) for answer in the_same.answers), call.anchor
