"""Which permission each change needs, and who has it: HS_ADMIN values, groups, bit by bit."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.handle.authority import (
    ALL_POWERS,
    MAX_DEPTH,
    MAX_MEMBERS,
    NO_POWER,
    Admin,
    Named,
    Power,
    admin_of,
    group_of,
    judged_by,
    needed,
    powers_of,
)
from core.values import HandleValue

ME = Named("0.NA/P", 301)


def admin(index: int, who: Named, powers: int, **more: Any) -> HandleValue:
    data = {"handle": who.handle, "index": who.index, "permissions": f"{powers:012b}"}
    return HandleValue(index, "HS_ADMIN", data, "admin", **more)


def plain(index: int, text: str = "x", **more: Any) -> HandleValue:
    return HandleValue(index, "T", text, **more)


def canonical(handle: str) -> str | None:
    return handle.upper() if "/" in handle else None


def admin_bytes(powers: int, handle: str, index: int, after: bytes = b"") -> str:
    name = handle.encode()
    return base64.b64encode(struct.pack(">HI", powers, len(name)) + name + struct.pack(">I", index) + after).decode()


A_VALUE, AN_ADMIN = plain(1), admin(100, ME, 1)
CHANGES = [
    ("nothing", [A_VALUE, AN_ADMIN], [A_VALUE, AN_ADMIN], NO_POWER),
    ("a value added", [], [A_VALUE], Power.ADD_VALUE),
    ("a value removed", [A_VALUE], [], Power.REMOVE_VALUE),
    ("a value modified", [A_VALUE], [plain(1, "y")], Power.MODIFY_VALUE),
    ("its time to live", [A_VALUE], [plain(1, ttl_seconds=60)], Power.MODIFY_VALUE),
    ("its permissions", [A_VALUE], [plain(1, permissions=12)], Power.MODIFY_VALUE),
    ("only its time", [A_VALUE], [plain(1, timestamp=5)], NO_POWER),
    ("an administrator added", [], [AN_ADMIN], Power.ADD_ADMIN),
    ("an administrator removed", [AN_ADMIN], [], Power.REMOVE_ADMIN),
    ("an administrator modified", [AN_ADMIN], [admin(100, ME, 2)], Power.MODIFY_ADMIN),
    ("a value made an administrator", [plain(100)], [AN_ADMIN], Power.REMOVE_VALUE | Power.ADD_ADMIN),
    ("an administrator made a value", [AN_ADMIN], [plain(100)], Power.REMOVE_ADMIN | Power.ADD_VALUE),
    ("two things", [A_VALUE], [plain(2)], Power.REMOVE_VALUE | Power.ADD_VALUE),
]


@pytest.mark.parametrize(("old", "new", "powers"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_what_a_change_needs(old: list[HandleValue], new: list[HandleValue], powers: Power) -> None:
    assert needed(old, new) == (powers, ())


def test_values_that_administrators_may_not_write_are_closed() -> None:
    held = [plain(1, permissions=10), plain(2, permissions=10), plain(3, permissions=14)]
    assert needed(held, [plain(1, "y", permissions=14), held[1]]) == (Power.MODIFY_VALUE | Power.REMOVE_VALUE, (1,))


def test_an_administrator_is_read_from_json_and_from_bytes_with_zeros_after_it() -> None:
    expected = Admin(ME, ALL_POWERS)
    assert admin_of(admin(1, ME, 0xFFF)) == expected
    for after in (b"", b"\0\0"):
        value = HandleValue(1, "HS_ADMIN", admin_bytes(0xFFF, ME.handle, ME.index, after), "base64")
        assert admin_of(value) == expected
    for data, format_ in (("", "string"), ({}, "admin"), ({"handle": 5}, "admin"), ([], "admin"), ("AAA=", "base64")):
        assert admin_of(HandleValue(1, "HS_ADMIN", data, format_)) is None
    assert admin_of(HandleValue(1, "URL", admin_bytes(1, "a/b", 1), "base64")) is None, "of another type"


def test_a_group_is_read_from_json_and_from_bytes() -> None:
    members = (Named("a/b", 1), Named("c/d", 300))
    listed = [{"handle": one.handle, "index": one.index} for one in members]
    assert group_of(HandleValue(200, "HS_VLIST", listed, "vlist")) == members
    octets = struct.pack(">I", 2)
    for one in members:
        octets += struct.pack(">I", len(one.handle)) + one.handle.encode() + struct.pack(">I", one.index)
    assert group_of(HandleValue(200, "HS_VLIST", octets.hex(), "hex")) == members
    assert group_of(HandleValue(200, "HS_VLIST", octets[:-3].hex(), "hex")) == ()
    assert group_of(HandleValue(200, "HS_VLIST", "ffffffff", "hex")) == ()


def test_bits_of_several_values_add_up_and_names_compare_canonically() -> None:
    values = [admin(100, Named("0.na/p", 301), 0x010), admin(101, ME, 0x040), admin(102, Named("0.NA/P", 300), 0xFFF)]
    granted, unknown = powers_of(ME, values, {}, canonical)
    assert granted == Power.MODIFY_VALUE | Power.ADD_VALUE
    assert unknown == {Named("0.NA/P", 300)}, "it may be a group"


def test_index_0_is_whichever_key_of_that_handle() -> None:
    """As deployed servers read it; the key at index 0 itself is nobody's."""
    values = [admin(100, Named("0.na/p", 0), 0x010), admin(101, Named("0.NA/Q", 0), 0x020)]
    assert powers_of(ME, values, {}, canonical)[0] == Power.MODIFY_VALUE
    group = {Named("G/1", 200): [Named(ME.handle, 0)]}
    assert powers_of(ME, [admin(100, Named("G/1", 200), 0x002)], group, canonical)[0] == Power.DELETE_HANDLE


def test_groups_within_groups_are_followed_once_loops_end_and_depth_is_bounded() -> None:
    def group(number: int) -> Named:
        return Named(f"G/{number}", 200)

    values = [admin(100, group(0), 0x002)]
    loop = {group(0): [group(1)], group(1): [group(0), ME]}
    assert powers_of(ME, values, loop, canonical) == (Power.DELETE_HANDLE, frozenset())
    for deep, granted in ((MAX_DEPTH - 1, Power.DELETE_HANDLE), (MAX_DEPTH, NO_POWER)):
        chain = {group(number): [group(number + 1)] for number in range(deep)} | {group(deep): [ME]}
        assert powers_of(ME, values, chain, canonical)[0] == granted
    wide = {group(0): [Named(f"X/{number}", 1) for number in range(MAX_MEMBERS)] + [ME]}
    assert powers_of(ME, values, wide, canonical)[0] == NO_POWER


def test_the_prefix_decides_where_the_record_names_nobody() -> None:
    own, of_prefix = [plain(1)], [admin(100, ME, 1)]
    assert judged_by(own, of_prefix) is of_prefix
    assert judged_by([*own, admin(100, Named("a/b", 1), 1)], of_prefix) != of_prefix


_values = st.lists(
    st.one_of(
        st.builds(plain, st.integers(1, 6), st.sampled_from("abc")),
        st.builds(admin, st.integers(1, 6), st.just(ME), st.integers(0, 0xFFF)),
    ),
    unique_by=lambda value: value.index,
    max_size=6,
)


@given(_values, _values)
@settings(max_examples=150)
def test_no_change_that_adds_or_alters_an_administrator_goes_without_an_admin_bit(
    old: list[HandleValue], new: list[HandleValue]
) -> None:
    powers, _ = needed(old, new)
    admins = {(value.index, str(value.data)) for value in old if value.type == "HS_ADMIN"}
    gained = {(value.index, str(value.data)) for value in new if value.type == "HS_ADMIN"} - admins
    assert bool(gained) <= bool(powers & (Power.ADD_ADMIN | Power.MODIFY_ADMIN))
    assert (powers == NO_POWER) == ({str(value) for value in old} == {str(value) for value in new})


@given(st.binary(max_size=60), st.sampled_from(("HS_ADMIN", "HS_VLIST")))
@settings(max_examples=150)
def test_any_bytes_are_an_administrator_a_group_or_nothing(octets: bytes, kind: str) -> None:
    value = HandleValue(1, kind, octets.hex(), "hex")
    found = admin_of(value)
    assert found is None or found.powers & ~ALL_POWERS == 0
    assert len(group_of(value)) * 8 <= len(octets)
