"""Settings: where they come from, what is wrong with them, and that secrets are never shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.settings import Settings, SettingsInvalid, load_settings, unknown_variables, variable

DATABASE, REDIS = "postgresql://me:t0psecret@db/x", "redis://:alsos3cret@cache:6379/0"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BIAOJIE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def write(text: str) -> None:
        (tmp_path / "node.toml").write_text(text, "utf-8")
        monkeypatch.setenv("BIAOJIE_CONFIG", str(tmp_path / "node.toml"))

    return write


def test_environment_beats_file_beats_default_and_arguments_beat_all(
    toml: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().http_port == 8080
    toml('http_port = 9001\nworkers = 3\nnode_name = "标解"\n')
    assert (load_settings().http_port, load_settings().workers, load_settings().node_name) == (9001, 3, "标解")
    monkeypatch.setenv("BIAOJIE_HTTP_PORT", "9002")
    assert (load_settings().http_port, load_settings().workers) == (9002, 3)
    assert load_settings(http_port=9003).http_port == 9003


def test_proxies_are_networks() -> None:
    assert load_settings().proxy_networks == ()
    assert [str(one) for one in load_settings(trusted_proxies="10.0.0.0/8, ::1").proxy_networks] == [
        "10.0.0.0/8",
        "::1/128",
    ]


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIAOJIE_HTTP_PORT", "")
    assert load_settings().http_port == 8080


def test_every_problem_is_said_a_line_each_with_the_name_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "HTTP_PORT": "70000", "NODE_PREFIX": "88..118", "DATABASE_URL": "mysql://x:hunter2@y", "REDIS_URL": "localhost:hunter2",
        "TRUSTED_PROXIES": "10.0.0.1/8", "PROBE_NETWORKS": "10.0.0.1/8", "LOG_LEVEL": "loud", "BASE_URL": "example.org",
        "TOP_LEVEL_URL": "example.org", "EMBEDDED": "docker", "DATABASE_TIMEOUT_SECONDS": "nan",
    }  # fmt: skip
    for name, text in wrong.items():
        monkeypatch.setenv(f"BIAOJIE_{name}", text)
    with pytest.raises(SettingsInvalid) as refused:
        load_settings()
    lines = str(refused.value).splitlines()
    assert {line.partition(":")[0] for line in lines} == {f"BIAOJIE_{name}" for name in wrong}
    assert len(lines) == len(wrong)
    assert "hunter2" not in str(refused.value)


def test_a_file_with_an_unknown_setting_or_bad_syntax_is_refused_with_a_hint(toml: Any) -> None:
    toml("htp_port = 1\n")
    with pytest.raises(SettingsInvalid, match="htp_port: no such setting; did you mean http_port"):
        load_settings()
    toml("http_port = \n")
    with pytest.raises(SettingsInvalid, match="BIAOJIE_CONFIG"):
        load_settings()


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIAOJIE_CONFIG", "/nowhere/node.toml")
    with pytest.raises(SettingsInvalid, match="no file /nowhere/node.toml"):
        load_settings()


def test_a_misspelt_variable_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unknown_variables() == []
    monkeypatch.setenv("BIAOJIE_CONFIG", "x")
    monkeypatch.setenv("BIAOJIE_HTTP_PROT", "1")
    monkeypatch.setenv("BIAOJIE_HTTP_PORT", "1")
    assert unknown_variables() == ["BIAOJIE_HTTP_PROT is not a setting and is ignored; did you mean BIAOJIE_HTTP_PORT?"]


def test_secrets_are_hidden_wherever_settings_are_shown() -> None:
    found = load_settings(database_url=DATABASE, redis_url=REDIS)
    shown = found.as_shown()
    assert (shown["database_url"], shown["redis_url"]) == ("(hidden)", "(hidden)")
    for text in (repr(found), str(found), repr(shown), found.model_dump_json(), repr(found.model_dump())):
        assert "t0psecret" not in text and "alsos3cret" not in text
    assert load_settings().as_shown()["database_url"] == ""
    assert set(shown) == set(Settings.model_fields)


def test_a_child_process_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_settings(
        database_url=DATABASE, redis_url=REDIS, node_prefix="88.甲.b", http_port=81, data_dir=Path("/var/a b"), base_url="https://x.cn/",
        negative_ttl_milliseconds=0, memory_cache_bytes=0, redis_timeout_seconds=0.125, node_name="一 \"节点\"",
    )  # fmt: skip
    for name, text in found.as_environment().items():
        monkeypatch.setenv(name, text)
    assert load_settings() == found
    assert variable("http_port") == "BIAOJIE_HTTP_PORT"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_settings().http_port = 1  # type: ignore[misc]


def test_the_node_prefix_is_kept_as_prefixes_are_compared() -> None:
    assert load_settings(node_prefix="ab.straße").node_prefix == "AB.STRAßE", (
        "ASCII letters only, as in core.identifier"
    )


def test_addresses_of_the_node() -> None:
    assert load_settings(http_port=81).public_url == "http://localhost:81"
    assert load_settings(base_url="https://x.cn/").public_url == "https://x.cn"


def test_workers_are_as_many_as_asked_for_else_one_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().worker_count == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert load_settings(workers=3).worker_count == 3
    assert load_settings().worker_count == os.cpu_count()


@pytest.mark.parametrize(("name", "field"), list(Settings.model_fields.items()))
def test_every_setting_is_described(name: str, field: Any) -> None:
    assert field.description, name
