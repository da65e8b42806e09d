"""Every command of the command line can be prepared, and helps in both languages."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from node.cli import options_of
from node.commands import COMMANDS, Command

_CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_command_helps_in_both_languages(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options_of([command.name, "--help"])
    described = capsys.readouterr().out.partition("\n\n")[2]
    assert ended.value.code == 0
    assert _CHINESE.search(described) and re.search(r"[a-z]+ [a-z]+", described)


def test_a_command_does_not_wait_for_what_others_need() -> None:
    """All modules together take four times as long as the settings."""
    code = "import sys, node.cli; print(*sorted(name for name in sys.modules if name.endswith('_command')))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not ran.stdout.strip()
