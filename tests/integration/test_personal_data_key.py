"""The key of personal data: made where none is, found again, and everything sealed anew under another."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

import node.personal_data as personal_data
from core.errors import PersonalDataLocked
from core.sealing import Vault, new_key, parse_keys
from core.settings import load_settings
from node.cli import main
from node.console import Refused
from node.personal_data import rotate, with_found_key, with_own_key
from registry.applications.store import open_personal
from tests.applicant import PERSONAL, PNG, apply
from tests.harness import PERSONAL_DATA_KEY, Node


def test_a_node_with_its_own_database_makes_a_key_once_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings(data_dir=tmp_path / "data", personal_data_key=SecretStr(""))
    made = with_own_key(settings)
    path = tmp_path / "data" / "personal-data.key"
    said = capsys.readouterr().out
    assert str(path) in said and path.read_text().strip() not in said
    assert path.stat().st_mode & 0o777 == 0o600 and len(made.personal_data_keys) == 1
    assert with_own_key(settings).personal_data_keys == made.personal_data_keys
    assert capsys.readouterr().out == ""
    newer = settings.model_copy(update={"personal_data_key": SecretStr(new_key())})
    assert with_own_key(newer).personal_data_keys == (*newer.personal_data_keys, *made.personal_data_keys)
    path.write_text("broken")
    with pytest.raises(Refused):
        with_found_key(settings)


def test_new_key_prints_one_that_the_settings_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["personal-data", "new-key"]) == 0
    assert len(parse_keys(capsys.readouterr().out.strip())) == 1


def test_keys_are_hidden_and_wrong_ones_refused_without_being_repeated() -> None:
    key = new_key()
    settings = load_settings(personal_data_key=SecretStr(key))
    assert settings.as_shown()["personal_data_key"] == "(hidden)" and key not in repr(settings)


async def test_everything_is_sealed_anew_in_steps_and_the_old_key_can_go(
    node: Node, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    applications = [await apply(node) for _ in range(3)]
    monkeypatch.setattr(personal_data, "_DATA_AT_ONCE", 4)
    monkeypatch.setattr(personal_data, "_IMAGES_AT_ONCE", 2)
    old, new = parse_keys(PERSONAL_DATA_KEY)[0], parse_keys(new_key())[0]
    with pytest.raises(PersonalDataLocked):
        await rotate(database, (new,))
    assert await rotate(database, (new, old)) == (3 * len(PERSONAL), 3)
    assert await rotate(database, (new, old)) == (0, 0)
    connection = await asyncpg.connect(database)
    for application in applications:
        assert await open_personal(connection, Vault((new,)), application.number) == PERSONAL
        with pytest.raises(PersonalDataLocked):
            await open_personal(connection, Vault((old,)), application.number)
    sealed = await connection.fetchval(
        "SELECT sealed FROM application_image WHERE application_id = $1", applications[0].number
    )
    assert Vault((new,)).open(bytes(sealed), f"application_image {applications[0].number} business-licence") == PNG
    await connection.close()
    assert (await node.operator.get(applications[0].path + "/personal-data")).json["slug"] == "personal-data-locked"
