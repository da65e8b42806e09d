"""The shapes of `idis-ops/1`: what a document must hold, each field in its bounds. Pure.

Both ends read with them; unknown fields are refused, so that nothing unsigned or unread travels along.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

Shape = TypeVar("Shape", bound=BaseModel)
FORMAT = "idis-ops/1"
MEDIA_TYPE = "application/json"
MOST_DOCUMENT_BYTES = 8 * 1024 * 1024
MOST_ROWS = 10_000
STREAM = "usage-hourly"
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$", max_length=40)]
Hour = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:00:00Z$")]
Prefix = Annotated[str, Field(pattern=r"^[^/.\s]+(\.[^/.\s]+)+$", max_length=64)]
Digest = Annotated[str, Field(pattern=r"^sha-256:[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**53 - 1)]
Word = Annotated[str, Field(max_length=500)]
OrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
SnapshotId = Annotated[str, Field(pattern=r"^\w{1,13}$")]
Stream = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")]
Key = Annotated[str, Field(max_length=1_000)]
Range = Annotated[list[Key], Field(min_length=2, max_length=2)]  # the first key of it, and the first that is not
Signatures = Annotated[list[dict[str, str]], Field(min_length=1, max_length=2)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


class _Document(_Strict):
    format: Literal["idis-ops/1"]
    kind: str
    sln: Prefix
    message_id: Annotated[str, Field(min_length=8, max_length=64)]
    sent_at: Time


class ByTransport(_Strict):
    http: Count
    tcp: Count
    udp: Count


class Row(_Strict):
    prefix: Prefix
    registered: Count
    updated: Count
    deleted: Count
    live_at_end: Count
    resolved: Count
    not_found: Count
    referred: Count
    failed: Count
    by_transport: ByTransport


class Statistics(_Document):
    kind: Literal["statistics"]
    stream: Literal["usage-hourly"]
    seq: Annotated[int, Field(ge=1, le=2**53 - 1)]
    from_: Annotated[Hour, Field(alias="from")]
    to: Hour
    sealed: Literal[True]
    counting: Literal["answered-here", "reported-by-enterprise"]
    rows: Annotated[list[Row], Field(max_length=MOST_ROWS)]
    rows_digest: Digest
    prev_digest: Digest
    corrects: Annotated[int, Field(ge=1)] | None = None
    reason: Word | None = None


class Heartbeat(_Document):
    kind: Literal["heartbeat"]
    state: Literal["normal", "degraded", "takenover"]
    software: dict[str, str]
    clock_offset_ms: int
    services: Annotated[list[dict[str, str | int]], Field(min_length=1, max_length=32)]
    queues: dict[str, Count]
    last_deposit: dict[str, str] | None = None
    last_statistics_seq: Count
    certificate_not_after: Time | None = None


class Chunk(_Strict):
    n: Annotated[int, Field(ge=1, le=100_000)]
    records: Count
    bytes: Count
    digest: Digest


class Manifest(_Document):
    kind: Literal["standby-manifest"]
    snapshot_id: SnapshotId
    base: Literal["FULL", "DIFF"]
    watermark: Time
    prefixes: Annotated[list[Prefix], Field(min_length=1, max_length=100_000)]
    chunks: Annotated[list[Chunk], Field(min_length=1, max_length=100_000)]
    nodes: Count
    records: Count
    signatures: Signatures


class ManifestReply(BaseModel):
    """Only what is acted upon: a top level may say more."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, alias_generator=to_camel)
    result: Literal["accepted"]
    missing_chunks: Annotated[list[Annotated[int, Field(ge=1)]], Field(max_length=100_000)] = []


class Changes(_Document):
    """What changed since `base`, a whole set that holds everything up to the number `after`; each line a JSON text."""

    kind: Literal["standby-changes"]
    stream: Stream
    number: Annotated[int, Field(ge=1, le=2**53 - 1)]
    base: SnapshotId
    after: Count
    watermark: Time
    lines: Annotated[list[Annotated[str, Field(max_length=2**21)]], Field(max_length=10_000)]


class ChangesReply(BaseModel):
    """Only what is acted upon. `expect`: the number that is waited for, of a `gap`."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, alias_generator=to_camel)
    kind: Literal["standby-changes-reply"]
    stream: Stream
    number: Count
    result: Literal["accepted", "duplicate", "gap", "conflict", "no-base"]
    expect: Annotated[int, Field(ge=1)] | None = None


class Question(_Document):
    """About what is held: sums of ranges of keys, or the marks of one range; of identifiers or of prefixes."""

    kind: Literal["standby-question"]
    stream: Stream
    of: Literal["identifiers", "prefixes"]
    ranges: Annotated[list[Range], Field(max_length=10_000)] = []
    between: Range | None = None


class Sums(BaseModel):
    """`number`: of the last changes that are in it; of each range how many, and the sum of their marks: texts, as
    they have more digits than JSON readers keep."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, alias_generator=to_camel)
    number: Count
    ranges: list[Annotated[list[str], Field(min_length=2, max_length=2)]]


class Marks(BaseModel):
    """Keys in their order, each with its mark."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, alias_generator=to_camel)
    number: Count
    marks: list[Annotated[list[str], Field(min_length=2, max_length=2)]]


class Standby(_Strict):
    snapshot_id: Word
    digest: Digest


class Contact(_Strict):
    name: Word
    phone: Word


class Order(_Document):
    kind: Literal["takeover-order"]
    order_id: OrderId
    prefixes: Annotated[list[Prefix], Field(min_length=1, max_length=10_000)]
    scope: Literal["resolution"]
    reason: Literal["drill", "failure", "disaster", "security", "regulatory"]
    reason_text: Word
    drill: bool
    effective_at: Time
    expires_at: Time
    standby: Standby
    contact: Contact
    signatures: Signatures


class Answered(_Strict):
    resolved: Count
    not_found: Count


class Change(_Strict):
    """Of one identifier that the top level answered for; `version` is that of the standby data. `values`: the public ones from
    then on; without them it was withdrawn."""

    key: Annotated[str, Field(min_length=3, max_length=255)]
    version: Annotated[int, Field(ge=1, le=2**31 - 2)]
    values: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1_000)] | None = None
    withdrawn: bool = False
    reason: Word = ""
    successor: Annotated[str, Field(max_length=255)] | None = None

    @model_validator(mode="after")
    def one_or_the_other(self) -> Self:
        if self.withdrawn == (self.values is not None) or self.withdrawn != bool(self.reason):
            raise ValueError("either values, or withdrawn with a reason")
        return self


class Offer(_Document):
    kind: Literal["handback-offer"]
    order_id: OrderId
    ended_at: Time
    answered: Answered
    changes: Annotated[list[Change], Field(max_length=10_000)]
    changes_digest: Digest
    signatures: Signatures


class Malformed(Exception):
    """The body is not the document that belongs here; the text names the first place."""


def read(shape: type[Shape], body: bytes) -> tuple[dict[str, Any], Shape]:
    """The document as it came, for digests and signatures, and as values. Raises `Malformed`."""
    if len(body) > MOST_DOCUMENT_BYTES:
        raise Malformed(f"more than {MOST_DOCUMENT_BYTES} bytes")
    try:
        plain = orjson.loads(body)
    except orjson.JSONDecodeError as wrong:
        raise Malformed(f"not JSON: {wrong}") from None
    try:
        return plain, shape.model_validate(plain)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        raise Malformed(f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}") from None
