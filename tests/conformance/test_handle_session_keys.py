"""Keys of sessions: agreed, ciphers and MACs as the cryptography of Java has them, which deployed clients use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.handle.credential import decode_credential
from core.handle.envelope import Envelope
from core.handle.session_key import Group, SessionKey

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("handle_session_keys.json").read_text("utf-8"))


@pytest.mark.parametrize("case", DATA["agreed"], ids=lambda case: case["key"][:8])
def test_both_sides_agree_on_the_same_key(case: dict[str, str]) -> None:
    group = Group(int(DATA["prime"], 16), int(DATA["base"], 16))
    assert group.agreed(int(case["public"], 16), int(case["private"], 16)).octets.hex() == case["key"]


@pytest.mark.parametrize(
    "case", DATA["messages"], ids=lambda case: f"{len(case['key']) * 4}-{len(case['content']) // 2}"
)
def test_messages_are_encrypted_and_vouched_for_alike(case: dict[str, str]) -> None:
    key, content, encrypted = (bytes.fromhex(case[name]) for name in ("key", "content", "encrypted"))
    held = SessionKey(key)
    assert held.encrypt(content, encrypted[:16]) == encrypted
    assert held.decrypt(encrypted) == content
    over = DATA["mac_of"]
    (major, minor), (suggested_major, suggested_minor) = over["version"], over["suggested"]
    envelope = Envelope(major, minor, 0, suggested_major, suggested_minor, over["session"], over["request_id"])
    said = decode_credential(held.vouch(envelope, over["counter"], content))
    assert (said.signature.hex(), said.counter, said.hash) == (case["mac"], over["counter"], "HMAC-SHA256")


def test_zeros_before_an_agreed_number_are_left_out() -> None:
    """Two of the cases have them: a key cut without looking would differ."""
    group = Group(int(DATA["prime"], 16), int(DATA["base"], 16))
    sizes = [
        pow(int(case["public"], 16), int(case["private"], 16), group.prime).bit_length() > 1_016
        for case in DATA["agreed"]
    ]
    assert sorted(sizes) == [False, False, True, True]
