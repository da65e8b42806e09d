"""What a heartbeat says of the services' pace, from the workers' metrics."""

from __future__ import annotations

from pathlib import Path

from core.settings import Settings
from core.telemetry import Times
from node.heartbeat_figures import Paces, certificate_until, pace_of
from sync.monitoring.heartbeat import Pace, Service
from tests.certificates import authority


def counted(**at: int) -> list[float]:
    """Buckets by their place, and the sum of seconds that nobody asks for."""
    row = [0.0] * (len(Times.BOUNDS) + 2)
    for place, number in at.items():
        row[int(place[1:])] = number
    return row


def test_a_pace_is_what_came_since_the_beat_before() -> None:
    now, times = [100.0], {"/api/handles/{identifier}": counted(_0=1_000), "/healthz": counted(_9=5)}
    paces = Paces(lambda: now[0], lambda: times)
    assert paces() == {}  # nothing to compare with yet
    now[0] += 60
    times["/api/handles/{identifier}"] = counted(_0=1_591, _3=4)
    times["/{identifier}"] = counted(_3=5)
    times["/api/v1/identifiers:batch"] = counted(_13=120)
    assert paces() == {
        "resolution": Pace(5_000, 10), "registration": Pace(10_000_000, 2), "iiidap": Pace(None, 0),
    }  # fmt: skip
    now[0] += 60
    assert paces()["resolution"] == Pace(None, 0)
    now[0] += 60
    times["/api/handles/{identifier}"] = counted()  # the workers were started anew, their metrics with them
    assert paces()["resolution"] == Pace(None, 0)
    now[0] += 60
    times.clear()
    assert paces() == {}  # nobody tells


def test_one_in_a_hundred_may_be_slower() -> None:
    assert pace_of([99, 0, 0, 0, 1], 1.0).p99_micros == round(Times.BOUNDS[0] * 1e6)
    assert pace_of([98, 0, 0, 0, 2], 1.0).p99_micros == round(Times.BOUNDS[4] * 1e6)


def test_what_nobody_knows_is_not_said() -> None:
    assert "p99Micros" not in Service("resolution", "tcp", "x").as_json()
    assert Service("resolution", "tcp", "x", pace=Pace(None, 0)).as_json()["ratePerSecond"] == 0


def test_the_first_end_of_a_certificate_is_told(tmp_path: Path) -> None:
    made = authority(tmp_path, "a")
    soon, later = made.issue("soon", ends=2), made.issue("later", ends=9)
    told = [
        certificate_until(Settings(tls_certificate=one, peering_certificate=two))()
        for one, two in ((soon, later), (later, soon), ("", later), (later, str(tmp_path / "none")), ("", ""))
    ]
    assert told[0] == told[1] and told[2] == told[3] and told[4] is None
    assert told[0] is not None and told[2] is not None and told[0] < told[2] and told[0].endswith("Z")
