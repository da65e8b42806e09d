"""The command line `biaojie`. Every command is a thin call (`node.commands`); what `make` does is one of them."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from core.settings import SettingsInvalid, load_settings, unknown_variables
from core.telemetry import start_logging
from node.commands import COMMANDS
from node.console import Refused, complain
from node.embedded.programs import EmbeddedServerError
from node.listening import PortError
from node.supervisor import ChildStartError

_SAID_TWICE = (Refused, PortError, EmbeddedServerError, ChildStartError)


def main(arguments: Sequence[str] | None = None) -> int:
    """As from a shell."""
    return run(options_of(sys.argv[1:] if arguments is None else arguments))


def run(options: argparse.Namespace) -> int:
    """Run one command; the exit status is 0 when it did what it says."""
    try:
        settings = load_settings(**_overrides(options))
        for sentence in unknown_variables():
            print(f"biaojie: {sentence}", file=sys.stderr)
        start_logging(settings.log_level, "biaojie")
        with asyncio.Runner(loop_factory=getattr(options, "loop", None)) as runner:
            return int(runner.run(options.run(settings, options)) or 0)
    except SettingsInvalid as wrong:
        for line in str(wrong).splitlines():
            complain(line, f"设置有误：{line}")
        return 2
    except _SAID_TWICE as wrong:
        complain(wrong.message_en, wrong.message_zh)
        return 1
    except KeyboardInterrupt:
        return 130


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    named = {"workers": getattr(options, "workers", None), "http_port": getattr(options, "port", None)}
    return {name: value for name, value in named.items() if value is not None}


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """What is asked for. Ends the process where that cannot be told, and after help."""
    return _parser(arguments).parse_args(arguments)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """With the options of the command that is given: the first word that is none itself."""
    given = next((word for word in arguments if not word.startswith("-")), "")
    parser = argparse.ArgumentParser(
        prog="biaojie",
        description="标解 Biaojie, an open secondary node. 工业互联网标识解析二级节点。",
        epilog="Settings come from BIAOJIE_* variables and the file named by BIAOJIE_CONFIG; the README lists them. "
        "设置项来自 BIAOJIE_* 环境变量及 BIAOJIE_CONFIG 指定的文件，详见 README。",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        added = commands.add_parser(command.name, help=command.help, description=command.description)
        if command.name == given:
            command.prepare(added)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
