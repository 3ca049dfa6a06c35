"""One account in full: score, why, what cures it, where it tips, and what was told to whom."""

from typing import TYPE_CHECKING

import streamlit as st

from consumers.picture import Picture
from consumers.stores.values import AlertRecord
from core.exact import plain
from core.margin import Assessment
from core.policy import Policy, Status
from dashboard import cells, components
from dashboard.cells import Board
from dashboard.format import clock, epoch_ms, floored, joined, plural, tone
from dashboard.views import account_history, account_ledger, account_levels

if TYPE_CHECKING:
    from consumers.runtime import Runtime

EVERY_S = 2.0
LOW, HIGH = 0.0, 80.0


def render(user_id: str) -> None:
    """The drill-down of one account."""
    st.session_state["account-shown"] = user_id
    _live()


@st.fragment(run_every=EVERY_S)
def _live() -> None:
    runtime = components.running()
    if runtime is None:
        return
    user_id = st.session_state["account-shown"]
    picture = runtime.picture()
    found = runtime.assess(user_id)
    if found is None:
        _unknown(picture, user_id)
        return
    components.hero("account-head", _head(picture, found))
    left, right = st.columns([53, 47], gap="small")
    with left:
        components.board("account-why", account_ledger.board(picture, found))
        components.board("account-history", account_history.board(picture, user_id))
    with right:
        _cures(runtime, picture, found)
        components.board("account-triggers", account_levels.triggers(picture, found))


def _unknown(picture: Picture, user_id: str) -> None:
    if picture.scores is None:
        say = components.waiting("Not scored yet.", "The first complete prices have not come.")
    else:
        say = cells.Say(
            "The book has no such account.",
            (f"The book has {plural(len(picture.scores.book), 'account')}.",),
            "UNKNOWN",
        )
    components.board("account-none", Board(title=user_id[:64], say=say, now=picture.at))


def _cures(runtime: "Runtime", picture: Picture, found: Assessment) -> None:
    scores = picture.scores
    assert scores is not None  # an assessment rests on scores
    portfolio = scores.book.portfolio(found.user_id)
    targets = account_levels.targets(found, runtime.policy)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(components.heading("What cures it", "rounded up and scored again"))
            st.space("stretch")
            if targets:
                st.segmented_control(
                    "Target",
                    [f"to {plain(t)} %" for t in targets],
                    default=f"to {plain(targets[0])} %",
                    required=True,
                    key=f"cure-target-{len(targets)}",
                    label_visibility="collapsed",
                )
        shown = st.session_state.get(f"cure-target-{len(targets)}")
        target = next((t for t in targets if f"to {plain(t)} %" == shown), None)
        target = target or (targets[0] if targets else None)
        board = account_levels.cures(picture, portfolio, found, runtime.policy, target)
        components.board("account-cures", board)


def _head(picture: Picture, found: Assessment) -> dict[str, object]:
    policy = _policy(picture)
    market = picture.prices.market
    score = None if found.score is None else float(found.score)
    edges = cells.band_edges(policy, LOW, HIGH)
    return {
        "account": found.user_id,
        "book": f"{plural(len(found.lines), 'position')}, policy {found.policy_version}",
        "score": floored(found.score, 2),
        "unit": "" if found.score is None else "%",
        "status": found.status.value,
        "tone": tone(found.status.value),
        "says": _says(picture, found),
        "bands": [[name, tone(name), begin, end] for name, begin, end in edges],
        "edges": [plain(bound) for bound in reversed(policy.thresholds())],
        "mark": None if score is None else cells.placed(score, LOW, HIGH),
        "facts": _facts(picture, found),
        "now": epoch_ms(picture.at),
        "market": epoch_ms(market.now(picture.at)),
        "speed": 0.0 if market.ended else market.speed,
    }


def _says(picture: Picture, found: Assessment) -> str:
    """The status; an account on an old price keeps its last word, with a question mark."""
    if found.status is not Status.UNKNOWN:
        return found.status.value
    for change in picture.scores.transitions if picture.scores is not None else ():
        if change.user_id == found.user_id and change.before is not None:
            return f"{change.before.value}?"
    told = picture.alerts.told.get(found.user_id)
    return "UNKNOWN" if told is None else f"{told.alert.status.value}?"


def _facts(picture: Picture, found: Assessment) -> list[list[object]]:
    facts: list[list[object]] = [["In this state", _in_state(picture, found)]]
    if found.oldest is None:
        facts.append(["Oldest price under it", "never came"])
    else:
        oldest = {"at": epoch_ms(found.oldest.as_of), "m": True, "after": f", {found.oldest.asset}"}
        facts.append(["Oldest price under it", oldest])
    record = picture.alerts.told.get(found.user_id)
    if record is None:
        facts += [["Pipeline says", "nothing so far"], ["Told", "never"]]
        return facts
    facts.append(["Pipeline says", f"{record.alert.status.value}, {_agreement(record, found)}"])
    by = [r.channel for r in record.receipts if r.outcome == "delivered"]
    facts.append(["Told", f"{clock(record.alert.timestamp)} by {joined(by, 'nobody yet')}"])
    return facts


def _agreement(record: AlertRecord, found: Assessment) -> str:
    if record.alert.status is found.status:
        return "the same"
    return "its last word" if found.status is Status.UNKNOWN else "not what we find"


def _in_state(picture: Picture, found: Assessment) -> object:
    scores = picture.scores
    for change in scores.transitions if scores is not None else ():
        if change.user_id == found.user_id:
            after = f", since {clock(change.market_time)}"
            return {"at": epoch_ms(change.market_time), "m": True, "after": after}
    return f"since before {clock(picture.started_at)}"


def _policy(picture: Picture) -> Policy:
    assert picture.scores is not None  # an assessment rests on scores
    return picture.scores.policy
