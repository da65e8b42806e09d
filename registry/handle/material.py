"""What an administrator proves themselves by: the secret or the public key at an index of a record of this node."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.database import store_errors
from core.errors import AdministratorUnknown, IdentifierMalformed, NotResponsible
from core.handle.administration import Administrator
from core.handle.authority import octets_of
from core.handle.proofs import SECRET_TYPE
from core.handle.public_keys import KEY_TYPE
from core.values import HandleValue
from registry.handle.names import is_prefix_record, key_of, parse_name
from registry.handle.prefix_records import open_secret
from registry.handle.rights import find_prefix, read_records
from registry.room import Registry


@dataclass(frozen=True, slots=True)
class Material:
    """`secret` of an HS_SECKEY; `value` is the HS_PUBKEY, or the HS_SECKEY as its row has it."""

    administrator: Administrator
    value: HandleValue
    secret: bytes | None = field(repr=False)


async def find_material(registry: Registry, handle: str, index: int, kind: str) -> Material:
    """Raises `AdministratorUnknown` for what is not there, withdrawn or of another type, `PersonalDataLocked`,
    `StoreUnavailable`."""
    try:
        identifier = parse_name(handle)
        key = key_of(identifier, await find_prefix(registry, identifier))
    except (IdentifierMalformed, NotResponsible):
        raise unknown(handle, index) from None
    records = await read_records(registry, [key])
    value = next((v for record in records if not record.withdrawn for v in record.values if v.index == index), None)
    if value is None or value.type != kind or kind not in (SECRET_TYPE, KEY_TYPE):
        raise unknown(handle, index)
    secret = None
    if kind == SECRET_TYPE:
        with store_errors():
            sealed = (
                await open_secret(registry.pool, registry.vault, key, index) if is_prefix_record(identifier) else None
            )
        secret = sealed or octets_of(value)
        if not secret:
            raise unknown(handle, index)
    return Material(Administrator(handle, key, index), value, secret)


def unknown(handle: str, index: int) -> AdministratorUnknown:
    return AdministratorUnknown(
        f"{index}:{handle[:300]} is not an administrator here", f"{index}:{handle[:300]} 不是本节点的管理员"
    )
