"""What the command line prints: plain sentences, in both languages where people read them."""

from __future__ import annotations

import sys


class Refused(Exception):
    """The command cannot go on; the texts say why and what to do. Printed without a trace, exit status 1."""

    def __init__(self, message_en: str, message_zh: str) -> None:
        super().__init__(message_en)
        self.message_en = message_en
        self.message_zh = message_zh


def say(text: str = "") -> None:
    print(text, flush=True)


def complain(en: str, zh: str) -> None:
    print(f"biaojie: {en}\nbiaojie：{zh}", file=sys.stderr, flush=True)
