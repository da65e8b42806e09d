"""The words of the top level for what an enterprise is: natures, and the industries of GB/T 4754. Pure."""

from __future__ import annotations

from typing import NamedTuple

NATURES = {
    1: "enterprises and institutions",
    2: "government agencies",
    3: "social organizations",
    4: "individuals",
    5: "other",
}
CREDIT_CODE = "unified social credit code"
NODE_TYPE = "information transmission, software and information technology services"


class _Category(NamedTuple):
    first: int  # division
    name: str


# GB/T 4754-2017: each category (letter A to T) by the first of its two-digit divisions.
_CATEGORIES = (
    _Category(1, "agriculture, forestry, animal husbandry and fishery"),
    _Category(6, "mining"),
    _Category(13, "manufacturing"),
    _Category(44, "production and supply of electricity, heat, gas and water"),
    _Category(47, "construction"),
    _Category(51, "wholesale and retail trade"),
    _Category(53, "transport, storage and post"),
    _Category(61, "accommodation and catering"),
    _Category(63, NODE_TYPE),
    _Category(66, "finance"),
    _Category(70, "real estate"),
    _Category(71, "leasing and business services"),
    _Category(73, "scientific research and technical services"),
    _Category(76, "management of water conservancy, environment and public facilities"),
    _Category(80, "residential services, repair and other services"),
    _Category(83, "education"),
    _Category(84, "health and social work"),
    _Category(86, "culture, sports and entertainment"),
    _Category(91, "public administration, social security and social organizations"),
    _Category(97, "international organizations"),
)
# Divisions of manufacturing, where most of the enterprises of a secondary node are.
_DIVISIONS = {
    13: "processing of agricultural and sideline food products", 14: "food manufacturing",
    15: "manufacturing of wine, beverages and refined tea", 16: "tobacco products", 17: "textile industry",
    18: "textile clothing and apparel", 19: "leather, fur, feathers and footwear", 20: "timber processing and products",
    21: "furniture manufacturing", 22: "paper and paper products", 23: "printing and reproduction of recording media",
    24: "articles for culture, education, arts and crafts, sports and entertainment",
    25: "processing of petroleum, coal and other fuels", 26: "chemical raw materials and chemical products",
    27: "pharmaceutical manufacturing", 28: "chemical fibre manufacturing", 29: "rubber and plastic products",
    30: "non-metallic mineral products", 31: "smelting and pressing of ferrous metals",
    32: "smelting and pressing of non-ferrous metals", 33: "metal products", 34: "general equipment manufacturing",
    35: "special equipment manufacturing", 36: "automobile manufacturing",
    37: "railway, ship, aerospace and other transport equipment", 38: "electrical machinery and equipment",
    39: "computers, communication and other electronic equipment", 40: "instruments and meters",
    41: "other manufacturing", 42: "comprehensive use of waste resources",
    43: "repair of metal products, machinery and equipment",
    64: "internet and related services", 65: "software and information technology services",
}  # fmt: skip


def industry_words(code: str) -> tuple[str, str | None]:
    """`type` and, where there is a word for it, `subType` of a code of GB/T 4754: a letter, or two to four digits."""
    if len(code) == 1 and "A" <= code <= "T":
        return _CATEGORIES[ord(code) - ord("A")].name, None
    division = int(code[:2]) if code[:2].isascii() and code[:2].isdigit() else 0
    name = next((found.name for found in reversed(_CATEGORIES) if found.first <= division), "other")
    return name, _DIVISIONS.get(division)
