"""Totals of registrations and resolutions."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
    TIME,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    problem,
    query,
    refusals,
    said,
)
from resolver.usage.report import STEPS
from resolver.usage.tally import Door, Outcome


def usage() -> Schema:
    unplaced = WHOLE | said(
        "By the minute: registrations of the hours that the time touches whose minute is not known (counted by an older version "
        "or by a restore, or older than minutes are kept); they are in no item. Else 0",
        "按分钟统计时：所涉及各小时内分钟未知的注册量（由旧版本或恢复过程计入，或已超过按分钟保留期限），不计入任何分项；其他粒度为 0",
    )
    item = object_({"at": TIME, "registrations": WHOLE, "resolutions": WHOLE, "probes": WHOLE})
    kind = object_(
        {
            "door": {"enum": list(Door)},
            "outcome": {"enum": list(Outcome)},
            "probe": {"type": "boolean"},
            "resolutions": WHOLE,
        }
    )
    threshold = {"counted": WHOLE, "threshold": WHOLE, "margin": WHOLE, "exceeded": {"type": "boolean"}}
    year = object_(
        {
            "year": WHOLE,
            "registrations": object_(threshold),
            "registrations_a_day": object_({"days": WHOLE, "total": WHOLE, "average": WHOLE}),
            "resolutions_a_day": object_({"days": WHOLE, "total": WHOLE, **threshold}),
        }
    )
    answer = object_(
        {
            "from": TIME,
            "to": TIME,
            "by": {"enum": list(STEPS)},
            "resolutions": WHOLE,
            "registrations": WHOLE,
            "registrations_without_minute": unplaced,
            "items": list_(item),
            "kinds": list_(kind) | said("Of the whole days that the time touches", "所涉及整日内的分类"),
            "lost": object_({"resolutions": WHOLE, "runs": WHOLE, "runs_of_unknown_loss": WHOLE}),
            "award": list_(year) | said("This year, for the whole node", "本年度、全节点"),
            "rule": object_({"en": TEXT, "zh": TEXT}),
        }
    )
    return {
        "/api/v1/usage": {
            "get": operation(
                "usage",
                "Operation 运维",
                "Registrations and resolutions from stored totals, and both award thresholds with the margin. "
                "注册量与解析量（取自已存合计），以及两项奖励门槛与差额。",
                {
                    "200": json("Totals", "合计", answer),
                    "400": problem("A parameter is wrong", "参数有误"),
                    **refusals(),
                },
                parameters=[
                    query("from", TIME, "Else 24 hours before `to`", "缺省为 `to` 之前 24 小时"),
                    query("to", TIME, "Else now", "缺省为当前时间"),
                    query("by", {"enum": list(STEPS), "default": "hour"}, "Step, in Beijing time", "粒度（北京时间）"),
                    query("prefix", TEXT, "Only under this prefix", "只统计该前缀"),
                ],
                key=True,
            )
        }
    }
