"""Patterns of the dialect of `core.pattern`."""

from __future__ import annotations

from hypothesis import strategies as st

ATOMS = st.sampled_from(
    ["a", "Z", "1", "-", "中", "é", r"\.", r"\-", r"\\", r"\[", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", ".", "[a-c]", "[^a-c]", "[-x]",
     r"[\d\-]", r"[&~^]", r"[^\W_]", "[一-龥]", "[.]", r"[\]]", "&", "~", "/", "#", " "]
)  # fmt: skip
MARKS = st.sampled_from(["", "", "", "?", "*", "+", "{2}", "{0,2}", "{1,}"])


def patterns() -> st.SearchStrategy[str]:
    """Valid ones, short."""
    repeated = st.tuples(ATOMS, MARKS).map("".join)
    sequence = st.lists(repeated, min_size=1, max_size=4).map("".join)
    grouped = st.tuples(
        st.sampled_from(["(", "(?:"]), st.lists(sequence, min_size=1, max_size=3).map("|".join), st.just(")"), MARKS
    )
    whole = st.lists(sequence | grouped.map("".join), min_size=1, max_size=3).map("".join)
    return st.tuples(st.sampled_from(["", "^"]), whole, st.sampled_from(["", "$"])).map("".join)
