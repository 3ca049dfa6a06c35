"""What-if: an account or a blank sheet under shocks and edits, on prices that stand still.

Nothing here can publish: the page takes values, and it imports nothing that could act. The result
is the live assessment of a changed account, never a second formula.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import TYPE_CHECKING

import streamlit as st

from core.edits import SetAmount
from core.errors import CoreError
from core.exact import money
from core.levels import Direction, trigger_price
from core.margin import assess
from core.policy import Policy
from core.portfolio import Portfolio, PriceSnapshot
from core.what_if import Comparison, Scenario, apply, compare, waterfall
from dashboard import components, shock_charts
from dashboard.cells import Board, Say
from dashboard.format import clock, joined, percent
from dashboard.views import what_if_inputs as inputs
from dashboard.views import what_if_results as results

if TYPE_CHECKING:  # values only: nothing here may reach a publisher
    from consumers.picture import Picture
    from consumers.stores.values import ScoresSnapshot

CAVEAT = (
    "Range exploration, not a prediction: prices move together, liquidity dries up, and what is "
    "shown assumes that every order fills at the stated price."
)


def render() -> None:
    """The page."""
    _sheet()


@st.fragment
def _sheet() -> None:
    """Reruns on its own inputs alone; a live tick changes nothing here."""
    picture = components.seen()
    if picture is None:
        return
    base: ScoresSnapshot | None = st.session_state.get(inputs.BASE)
    if base is None:
        base = picture.scores
        st.session_state[inputs.BASE] = base
    if base is None:
        say = components.waiting(
            "Nothing is scored yet.", "A what-if needs prices to stand on; they come in seconds."
        )
        components.board("wi-none", Board(title="What if", say=say, now=picture.at))
        st.button("Try again", icon=":material/refresh:")
        return
    st.space(1)
    with components.hypothetical("hypothetical", _note(picture, base), base.at, picture.at):
        _body(picture, base)


def _note(picture: "Picture", base: "ScoresSnapshot") -> str:
    """What the frame says of the prices it stands on; the browser fills in the age."""
    moved = []
    for asset, point in base.valuation.prices.points.items():
        live = picture.prices.assets.get(asset)
        if live is not None and live.price != point.price:
            ratio = float(live.price / point.price - 1)
            moved.append((abs(ratio), f"{asset} {percent(ratio * 100)}"))
    since = f"; market since: {max(moved)[1]}" if moved else ""
    return f"Prices frozen {clock(base.at)} UTC, {{age}} ago{since}. Not a prediction."


def _body(picture: "Picture", base: "ScoresSnapshot") -> None:
    policy, prices = base.policy, base.valuation.prices
    left, middle, right = st.columns([1.02, 1, 0.98], gap="small")
    with left:
        portfolio, assets, still, entered = _enter(base)
    found = inputs.read(portfolio, assets, still, entered)
    if found.fault is None:
        try:
            after = apply(portfolio, prices, found.scenario)
        except CoreError as fault:
            found = inputs.Inputs(Scenario(), str(fault))
    if found.fault is not None:
        with middle:
            say = Say("This cannot be scored.", (found.fault, "Correct the row; nothing is lost."))
            components.board(
                "wi-fault", Board(title="Before and after", say=say, look="error", now=picture.at)
            )
        return
    with middle:
        _answer(picture, base, (portfolio, prices), after, found.scenario)
    with right:
        _map(base, after, policy)
    shocked = Scenario(tuple(e for e in found.scenario.edits if not isinstance(e, SetAmount)))
    valuation = base.book.revalue(apply(portfolio, prices, shocked)[1])
    components.board("wi-book", results.book_board(base.valuation, valuation, picture.at))
    st.caption(CAVEAT)


def _enter(
    base: "ScoresSnapshot",
) -> tuple[Portfolio, list[str], list[str], list[tuple[str, str, float | None]]]:
    prices = base.valuation.prices
    every = sorted(prices.points)
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(components.heading("Shocks", f"to prices frozen {clock(base.at)}"))
            st.space("stretch")
            portfolio = inputs.start_from(base)
        guess = inputs.pegged(prices)
        assets = sorted(portfolio.assets & set(every)) or [a for a in every if a not in guess][:4]
        st.session_state.setdefault(inputs.HELD_STILL, guess)
        shown = _shocked_prices(portfolio, prices, assets)
        inputs.shock_rows(assets, prices, shown)
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            for move in (-5.0, -10.0, -20.0):
                label = f"\u2212{abs(move):g} % all"
                st.button(label, on_click=inputs.set_shock, args=(inputs.ALL, move))
            st.button("Reset", type="tertiary", on_click=inputs.reset, args=(assets,))
            with st.popover("More"):
                still = st.multiselect(
                    "A shock of all spares (pegged)", every, key=inputs.HELD_STILL
                )
                _solve(portfolio, base, assets)
    with st.container(border=True, gap="xsmall"):
        st.markdown(components.heading("Positions", "edit the last column, or add a row"))
        entered = inputs.position_editor(portfolio, every)
        st.button(
            "Re-base to now",
            icon=":material/update:",
            on_click=_rebase,
            help="Take the newest prices; shocks and edits stay",
        )
    return portfolio, assets, still, entered


def _shocked_prices(
    portfolio: Portfolio, prices: PriceSnapshot, assets: list[str]
) -> PriceSnapshot | None:
    """The prices that the boxes make, for the figures beside them."""
    still = st.session_state[inputs.HELD_STILL]
    try:
        return apply(portfolio, prices, Scenario(inputs.shocks(assets, still)))[1]
    except CoreError:
        return None


def _rebase() -> None:
    st.session_state.pop(inputs.BASE, None)


def _solve(portfolio: Portfolio, base: "ScoresSnapshot", assets: list[str]) -> None:
    """The shock of one asset, others unmoved, that puts the account on a threshold."""
    st.selectbox("Solve for the shock of", assets, key="wi-solve-asset")
    bounds = [f"{bound:f} %" for bound in base.policy.thresholds()]
    st.segmented_control(
        "that reaches", bounds, default=bounds[1], required=True, key="wi-solve-to"
    )
    st.button("Solve", on_click=_solved, args=(portfolio, base.valuation.prices, base.policy))
    told = st.session_state.get("wi-solved")
    if told:
        st.caption(told)


def _solved(portfolio: Portfolio, prices: PriceSnapshot, policy: Policy) -> None:
    asset = str(st.session_state.get("wi-solve-asset"))
    wanted = st.session_state.get("wi-solve-to")
    target = next((t for t in policy.thresholds() if f"{t:f} %" == wanted), None)
    if asset not in prices.points or target is None:
        return
    trigger = trigger_price(assess(portfolio, prices, policy), asset, target)
    if trigger is None or trigger.price is None:
        st.session_state["wi-solved"] = "No price of this asset alone does that."
        return
    now = prices.points[asset].price
    rises = trigger.direction is Direction.RECOVERS_AT and trigger.price > now
    up = rises or trigger.direction is Direction.FALLS_TO
    move = money((trigger.price / now - 1) * 100, 9, ROUND_CEILING if up else ROUND_FLOOR)
    inputs.set_shock(inputs.ALL, 0.0)
    inputs.set_shock(asset, float(move))
    shown = percent(move)
    st.session_state["wi-solved"] = f"{asset} {shown}, from the positions as they are held."


def _answer(
    picture: "Picture",
    base: "ScoresSnapshot",
    before: tuple[Portfolio, PriceSnapshot],
    after: tuple[Portfolio, PriceSnapshot],
    scenario: Scenario,
) -> None:
    policy = base.policy
    found = compare(assess(*before, policy), assess(*after, policy))
    board = results.before_and_after(found, (before, after), policy, base.at, picture.at)
    components.board("wi-compare", board)
    falls = results.falls(waterfall(*before, policy, scenario))
    with components.card("What moved the score", "percentage points, in this order"):
        if found.before.score is None or found.after.score is None or len(falls) > 8:
            st.caption(_no_waterfall(found, len(falls)))
            return
        figure = shock_charts.waterfall(
            float(found.before.score),
            float(found.after.score),
            falls,
            (found.before.status, found.after.status),
            policy,
            components.colours(),
        )
        st.plotly_chart(
            figure,
            key="wi-waterfall",
            config=shock_charts.QUIET,
            alt=f"Score {found.before.status} to {found.after.status}",
        )


def _no_waterfall(found: Comparison, count: int) -> str:
    if count > 8:
        return f"{count} edits are too many for one picture; before and after above hold."
    unpriced = found.before.reasons or found.after.reasons
    if unpriced:
        return f"{joined(sorted(unpriced))} without a usable price: there is no score to move."
    if found.before.score is None:
        return "There is no score to begin with: add collateral and a borrow, or pick an account."
    return "There is no score after these edits."


def _map(base: "ScoresSnapshot", after: tuple[Portfolio, PriceSnapshot], policy: Policy) -> None:
    portfolio, prices = after
    still = st.session_state[inputs.HELD_STILL]
    names = sorted(results.heaviest(assess(portfolio, prices, policy)), key=still.__contains__)
    with st.container(border=True, gap="xsmall", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(components.heading("Map of two assets", "○ now, □ this scenario"))
        if len(names) < 2:
            st.caption("A map needs two priced assets on the sheet.")
            return
        one, two = st.columns(2, gap="small")
        a = one.selectbox("Across", names, key="wi-map-a", label_visibility="collapsed")
        others = [name for name in names if name != a]
        b = two.selectbox("Up", others, key="wi-map-b", label_visibility="collapsed")
        if a not in names or b not in others:
            return
        found, here = results.map_of(portfolio, base.valuation.prices, prices, policy, (a, b))
        figure = shock_charts.shock_map(found, here, policy, components.colours())
        st.plotly_chart(
            figure,
            key="wi-map",
            config=shock_charts.QUIET,
            alt=f"Bands under shocks of {a} and {b}",
        )
        st.caption(f"21 × 21, {joined([a, b])} shocked, the others as in this scenario.")


if __name__ == "__main__":  # as Streamlit runs a page
    render()
