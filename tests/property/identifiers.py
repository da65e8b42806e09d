"""Strategies for identifiers: well-formed, and as hostile as well-formed ones can be."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

# Sections of well-formed text that have broken programs: separators of URLs, marks that compose, look-alikes, wide ones.
_AWKWARD = st.sampled_from(
    ["/", "//", ".", "..", "%", "%41", "%2F", "+", " ", "#", "?", "&", "=", "\\", '"', "'", "<", "Ω", "中文", "🔧", "ﬁ"]
    + ["i\u0307", "w\u030a", "e\u0301", "\u0301", "\u1112\u1161", "\u00a0", "ß", "İ", "ı", "/withdraw", ":batch", "0"]
)
_letters = st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp"))
_segments = st.text(st.sampled_from("0123456789abcXYZ-_é企"), min_size=1, max_size=6)


def _fits(text: str) -> bool:
    normal = unicodedata.normalize("NFC", text)
    categories = {unicodedata.category(letter) for letter in normal}
    return len(normal.encode()) <= 180 and not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


suffixes = (
    st.lists(_AWKWARD | st.text(_letters, min_size=1, max_size=8), min_size=1, max_size=8).map("".join).filter(_fits)
)
prefixes = st.lists(_segments, min_size=1, max_size=4).map(".".join)
identifier_texts = st.builds("{}/{}".format, prefixes, suffixes)
