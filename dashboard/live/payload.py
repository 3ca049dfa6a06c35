"""From a picture to the sections of the live board: plain values, ready to be encoded.

Each section changes only when what it shows changes, so that an unchanged one is never sent.
Ages are not in it, only the moments they are counted from.
"""

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from consumers.stores.values import ScoresSnapshot
from core.book import STATUS_ORDER
from core.policy import Status
from core.staleness import Freshness, judge, limits
from dashboard.live import accounts, evidence, figures, ledger, line
from dashboard.live.book import BookSection
from dashboard.live.strip import History, Strip, oldest

if TYPE_CHECKING:
    from consumers.picture import Picture

SECTIONS = ("verdict", "line", "tiles", "strip", "accounts", "due", "changes", "book")
RECENT = (timedelta(minutes=10), "10 min")
RECENT_REPLAY = (timedelta(hours=24), "24 h")
LEDGER_S = 1.0
LEDGER_SHARE = 40  # at most one part in so many of a core
Section = dict[str, Any]


class BoardBuilder:
    """Builds all sections of one picture; keeps what is dear to compute. One thread's own."""

    def __init__(self, history: History) -> None:
        self._strip = Strip(history)
        self._book = BookSection()
        self._due: tuple[float, Section] = (float("-inf"), {})

    def build(self, p: "Picture", moment: float) -> dict[str, Section]:
        """Every section by name; `moment` is monotonic seconds."""
        rows = line.rows(p)
        return {
            "verdict": verdict(p, folded=sum(line.culprits(r["stations"]) for r in rows)),
            "line": {"rows": rows},
            "tiles": tiles(p),
            "strip": self._strip.build(p, moment),
            "accounts": accounts.build(p),
            "due": self._ledger(p, moment),
            "changes": ledger.changes(p),
            "book": self._book.build(p.scores, moment),
        }

    def _ledger(self, p: "Picture", moment: float) -> Section:
        """The ledger once a second, on a bad day less often: it may have thousands of entries."""
        due, held = self._due
        if moment >= due:
            began = time.perf_counter()
            held = ledger.due(p)
            self._due = (moment + max(LEDGER_S, LEDGER_SHARE * (time.perf_counter() - began)), held)
        return held


def market(p: "Picture") -> Section:
    """The market's clock, from which the browser counts the ages of prices."""
    m = p.prices.market
    return {
        "replay": m.replay,
        "speed": m.speed,
        "as_of": figures.maybe_ms(m.as_of),
        "seen_at": figures.maybe_ms(m.seen_at),
        "ended": m.ended,
    }


def verdict(p: "Picture", *, folded: int) -> Section:
    """The bar that is the same on every page."""
    v = p.verdict
    return {
        "level": str(v.level),
        "code": v.code,
        "sentence": v.sentence,
        "evidence": v.evidence,
        "who": _who(p),
        "remedy": v.remedy,
        "since": figures.maybe_ms(v.since),
        "folded": folded if str(v.level) in ("act", "blind") else 0,
        "glyph": _glyph(p),
        "ages": [_prices_age(p), _scores_age(p), _path_age(p)],
        "env": environment(p),
    }


def _who(p: "Picture") -> str | None:
    """The account that the evidence names, so that it can be linked to."""
    worst = None if p.scores is None else p.scores.gravest
    named = worst is not None and f" {worst.user_id}," in p.verdict.evidence
    return worst.user_id if worst is not None and named else None


def environment(p: "Picture") -> str:
    """`embedded, simulated`, `embedded, replay`, `prod, live`."""
    m = p.prices.market
    if m.replay:
        kind = "replay ended" if m.ended else f"replay \u00d7{m.speed:,.0f}"
    else:
        kind = "simulated" if p.settings.environment == "embedded" else "live"
    return f"{p.settings.environment}, {kind}"


def tiles(p: "Picture") -> Section:
    """One count per status; their sum is the number of accounts."""
    scores = p.scores
    if scores is None:
        return {"tiles": [], "total": 0}
    moved = _moved(p, scores)
    return {
        "total": len(scores.book),
        "tiles": [
            {
                "status": str(s),
                "count": int(scores.counts.get(s, 0)),
                "n": f"{scores.counts.get(s, 0):,}",
                "note": _tile_note(scores, s, moved.get(s, 0), _recent(p)[1]),
            }
            for s in STATUS_ORDER
        ],
    }


def _tile_note(scores: ScoresSnapshot, status: Status, moved: int, within: str) -> str:
    worth = figures.millions(float(scores.collateral.get(status, 0.0)))
    if moved:
        return f"{figures.signed(moved, 0, plus=True)} in {within}, {worth}"
    if not scores.counts.get(status, 0):
        return "none"
    # What an account of unknown status holds has no price: its sum would be a part, not a zero.
    return "not scored" if status is Status.UNKNOWN else f"collateral {worth}"


def _recent(p: "Picture") -> tuple[timedelta, str]:
    return RECENT_REPLAY if p.prices.market.replay else RECENT


def _moved(p: "Picture", scores: ScoresSnapshot) -> dict[Status, int]:
    """Net change of each status within the last minutes of market time."""
    moved: dict[Status, int] = {}
    for t in scores.transitions:
        if scores.market_time - t.market_time > _recent(p)[0]:
            break
        if t.before is not None:
            moved[t.before] = moved.get(t.before, 0) - 1
            moved[t.after] = moved.get(t.after, 0) + 1
    return moved


def _prices_age(p: "Picture") -> Section:
    assets = p.prices.assets
    held = oldest(assets.values())
    if held is None:
        return _age("Prices", "NEVER", None, "none yet", market=True)
    ages = {a.asset: judge(p.prices.age(a.asset, p.at), a.limits) for a in assets.values()}
    worst = max(ages.values(), key=list(Freshness).index)
    fresh = Freshness.FRESH if p.prices.market.ended else worst
    return _age(
        "Prices", str(fresh), figures.epoch_ms(held.as_of), f"oldest of {len(assets)}", market=True
    )


def _scores_age(p: "Picture") -> Section:
    s = p.scores
    if s is None:
        return _age("Scores", "NEVER", None, "none yet", market=False)
    at = s.market_time if p.prices.market.replay else s.at
    age = p.prices.market.now(p.at) - at
    cadence = min((a.cadence for a in p.prices.assets.values()), default=p.settings.cadence)
    order = list(Freshness).index
    # A score is as certain as the newest price it can rest on, however lately it was computed.
    prices = [judge(p.prices.age(a.asset, p.at), a.limits) for a in p.prices.assets.values()]
    fresh = max(
        judge(age, limits(cadence)), min(prices, key=order, default=Freshness.FRESH), key=order
    )
    note = f"{len(s.book) - s.counts.get(Status.UNKNOWN, 0):,} re-scored"
    return _age("Scores", str(fresh), figures.epoch_ms(at), note, market=True)


def _path_age(p: "Picture") -> Section:
    found, at, _ = evidence.delivery(p)
    if p.verdict.code == "notifier_silent":
        found = "LOST"
    return _age("Alert path", found, figures.maybe_ms(at), evidence.note(p), market=False)


def _age(label: str, state: str, at: int | None, note: str, *, market: bool) -> Section:
    return {"label": label, "state": state, "at": at, "note": note, "m": market}


def _glyph(p: "Picture") -> str:
    level = str(p.verdict.level)
    if level == "watch":
        return {"asset_stale": "STALE", "waiting_for_prices": "NO_DATA"}.get(p.verdict.code, "WARN")
    return {"ok": "OK", "act": "STOP"}.get(level, "UNKNOWN")
