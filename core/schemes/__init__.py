"""Identifier schemes beside the Handle form: one table of grammar, owner rule and canonical form. Pure.

| scheme  | owner part (a prefix row)     | canonical key                                | shown                                       |
|---------|-------------------------------|----------------------------------------------|---------------------------------------------|
| handle  | `88.118.8`                    | `88.118.8/ABC`                               | as written                                  |
| gs1     | `GS1.<company prefix>`        | `GS1.9506000/01/09506000134352/10/ABC`       | `https://id.gs1.org/01/09506000134352/10/…` |
| oid     | `OID.<arc>`                   | `OID.1.2.156.3088/1.2.156.3088.5`            | `1.2.156.3088.5`                            |
| ecode   | `ECODE.<version>.<NSI>`       | `ECODE.1.0012/1001234567`                    | `ecode:1001234567`                          |
| did:bid | `DID.BID` or `DID.BID.<ACSN>` | `DID.BID/efLrPu7LNR4YwA5M1Kfx6BYb1JP7aPKp`   | `did:bid:efLrPu7LNR4YwA5M1Kfx6BYb1JP7aPKp`  |

The suffix of a canonical key is the whole identification, so it is the same whoever owns it; which registered prefix is
its owner `core.directory` knows: the first of `Reading.owners` that somebody has.
"""

from __future__ import annotations

from core.schemes.reading import Reading, Scheme, malformed
from core.schemes.registered import SCHEMES, primary_keys, read, scheme_of_prefix, speaks_gs1

__all__ = ["SCHEMES", "Reading", "Scheme", "malformed", "primary_keys", "read", "scheme_of_prefix", "speaks_gs1"]
