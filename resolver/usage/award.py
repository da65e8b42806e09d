"""The two thresholds of the award (苏府〔2020〕120号, measure 14) and how far a year is from them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

REGISTRATIONS_A_YEAR = 30_000_000
RESOLUTIONS_A_DAY = 10_000_000
RULE_EN = (
    "A registration is one newly committed identifier. A resolution is one answered look-up of one identifier, found or "
    "definitively not found; referrals to an enterprise's own node, requests that failed, the node's own probes and traffic that the operator marked are not "
    "counted. Days and years are those of Beijing. A registration counts in the minute in which its transaction began. "
    "Averages are over every day of the year until yesterday, days without traffic and days before the node began included. "
    "What a killed worker had answered in its last second is not counted and is told as lost."
)
RULE_ZH = (
    "注册量：一个新提交成功的标识计一次。解析量：对一个标识的一次有效应答计一次，包括查到与确定不存在；指引到企业自有节点的应答、失败的请求、"
    "节点自身的探测以及运营方标记的流量不计。日与年按北京时间。注册量计入其事务开始的那一分钟。"
    "日均值按当年截至昨日的全部天数计算，包括没有流量和节点启用之前的日子。工作进程被强制终止前最后一秒内的应答不计入，并作为损失量单独列出。"
)


@dataclass(frozen=True, slots=True)
class Year:
    """What was counted in a calendar year, and over how many of its days the average goes."""

    year: int
    registrations: int
    resolutions: int  # of whole days
    days: int
    registrations_of_days: int  # of the same days

    def as_json(self) -> dict[str, Any]:
        return {
            "year": self.year,
            "registrations": _margin(self.registrations, REGISTRATIONS_A_YEAR),
            "registrations_a_day": {
                "days": self.days,
                "total": self.registrations_of_days,
                "average": self._average(self.registrations_of_days),
            },
            "resolutions_a_day": {
                "days": self.days,
                "total": self.resolutions,
                **_margin(self._average(self.resolutions), RESOLUTIONS_A_DAY),
            },
        }

    def _average(self, total: int) -> int:
        """Rounded down: never over."""
        return total // self.days if self.days else 0


def days_counted(year: int, today: date) -> int:
    """Whole days of the year that are over."""
    first, last = date(year, 1, 1), min(date(year + 1, 1, 1), today)
    return max((last - first) // timedelta(days=1), 0)


def _margin(counted: int, threshold: int) -> dict[str, Any]:
    """The threshold must be exceeded, not reached."""
    return {
        "counted": counted,
        "threshold": threshold,
        "margin": counted - threshold,
        "exceeded": counted > threshold,
    }
