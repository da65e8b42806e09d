"""`biaojie personal-data new-key` and `biaojie personal-data rotate`."""

from __future__ import annotations

import argparse

from core.errors import PersonalDataLocked
from core.sealing import new_key
from core.settings import Settings
from node.console import Refused, say
from node.personal_data import rotate, with_found_key
from node.running import require_database, with_running


async def print_new_key(_: Settings, __: argparse.Namespace) -> int:
    print(new_key())
    return 0


async def rotate_all(settings: Settings, _: argparse.Namespace) -> int:
    """Under the first key of the settings; the data directory's own opens as well."""
    keys = with_found_key(settings).personal_data_keys
    try:
        texts, images = await rotate(require_database(with_running(settings)), keys)
    except PersonalDataLocked as wrong:
        raise Refused(wrong.en, wrong.zh) from None
    say(f"biaojie: {texts:,} texts and {images:,} images sealed anew 已重新加密 {texts:,} 项文本、{images:,} 张图片")
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="new-key|rotate")
    one = what.add_parser("new-key", help="print a new key 生成并打印新密钥")
    one.set_defaults(run=print_new_key)
    two = what.add_parser("rotate", help="seal everything anew under the first key 用首个密钥重新加密全部个人信息")
    two.set_defaults(run=rotate_all)
