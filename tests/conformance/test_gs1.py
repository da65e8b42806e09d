"""GS1 keys as the standard's examples write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import IdentifierMalformed
from core.schemes.gs1 import read_key

VECTORS = json.loads(Path(__file__).with_name("gs1.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["text"])
def test_a_valid_key_has_one_canonical_path(vector: dict[str, Any]) -> None:
    assert read_key(vector["text"]).path == vector["path"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["text"])
def test_what_breaks_a_rule_is_refused_for_that_rule(vector: dict[str, Any]) -> None:
    with pytest.raises(IdentifierMalformed) as refused:
        read_key(vector["text"])
    assert refused.value.reason == vector["reason"]


def test_a_key_without_qualifiers_says_so() -> None:
    with pytest.raises(IdentifierMalformed, match="takes no qualifiers"):
        read_key("/8004/9506000ABC/21/1")
