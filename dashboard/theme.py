"""The one palette: what `.streamlit/config.toml` sets, by name, for charts that want the values.

Statuses have two colours each: `status()` for text and glyphs (readable on the page), `fill()` for
areas, bars and bands. No chart series may use either: that is what `chart` and `chart2` are for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from core.policy import Status
from core.staleness import Freshness


@dataclass(frozen=True, slots=True)
class Palette:
    """All colours of one mode, as `#RRGGBB`."""

    mode: str
    bg: str
    surf: str
    raised: str
    line: str
    line2: str
    tx: str
    tx2: str
    tx3: str
    ok: str
    warn: str
    call: str
    liq: str
    none: str
    unknown: str
    ok_fill: str
    warn_fill: str
    call_fill: str
    liq_fill: str
    ok_tint: str
    warn_tint: str
    call_tint: str
    liq_tint: str
    link: str
    primary: str
    chart: str
    chart2: str
    hypothetical: str
    replay: str
    test: str
    hypothetical_tint: str
    test_tint: str

    def status(self, status: Status) -> str:
        """The colour of a status as text or glyph."""
        return str(getattr(self, _TEXT[status]))

    def fill(self, status: Status) -> str:
        """The colour of a status as an area, bar or band."""
        return str(getattr(self, _FILL[status]))

    def freshness(self, freshness: Freshness) -> str:
        """The colour of a price's freshness as text or glyph."""
        return str(getattr(self, _FRESHNESS[freshness]))

    @property
    def series(self) -> tuple[str, ...]:
        """Chart series in order; holds no green, amber or red, which mean a status."""
        return (self.chart, self.chart2, self.replay, self.hypothetical, self.tx2)


_TEXT: Mapping[Status, str] = MappingProxyType(
    {
        Status.LIQUIDATION: "liq",
        Status.MARGIN_CALL: "call",
        Status.WARNING: "warn",
        Status.HEALTHY: "ok",
        Status.NO_DEBT: "none",
        Status.UNKNOWN: "unknown",
    }
)
_FILL: Mapping[Status, str] = MappingProxyType(
    {
        Status.LIQUIDATION: "liq_fill",
        Status.MARGIN_CALL: "call_fill",
        Status.WARNING: "warn_fill",
        Status.HEALTHY: "ok_fill",
        Status.NO_DEBT: "line2",
        Status.UNKNOWN: "tx3",
    }
)
_FRESHNESS: Mapping[Freshness, str] = MappingProxyType(
    {
        Freshness.FRESH: "ok",
        Freshness.LATE: "warn",
        Freshness.STALE: "call",
        Freshness.DEAD: "liq",
        Freshness.NEVER: "none",
    }
)

DARK = Palette(
    mode="dark",
    bg="#0C0E11",
    surf="#14171C",
    raised="#1B1F26",
    line="#262B33",
    line2="#3D444F",
    tx="#E9ECF0",
    tx2="#AAB2BD",
    tx3="#858E9B",
    ok="#6FC59B",
    warn="#E5BE52",
    call="#F5994E",
    liq="#FF7A70",
    none="#97A0AC",
    unknown="#C3CAD4",
    ok_fill="#3F8F69",
    warn_fill="#C9A02F",
    call_fill="#D9782B",
    liq_fill="#D5372E",
    ok_tint="#12261D",
    warn_tint="#2A2310",
    call_tint="#301D0E",
    liq_tint="#341413",
    link="#8FB1FF",
    primary="#3D66E0",
    chart="#7EA2F5",
    chart2="#6C7583",
    hypothetical="#B49BFF",
    replay="#58C7D8",
    test="#F08BC8",
    hypothetical_tint="#1B1630",
    test_tint="#2A1523",
)

LIGHT = Palette(
    mode="light",
    bg="#FCFCFB",
    surf="#F3F4F3",
    raised="#EAECEB",
    line="#DDE0E2",
    line2="#B9BFC6",
    tx="#14171A",
    tx2="#464E58",
    tx3="#626A74",
    ok="#17744A",
    warn="#7E5A00",
    call="#AC4300",
    liq="#BE2019",
    none="#5C6570",
    unknown="#3B424B",
    ok_fill="#4FA67C",
    warn_fill="#E2B93B",
    call_fill="#EE8A3C",
    liq_fill="#C9281F",
    ok_tint="#E4F2EA",
    warn_tint="#FAF0D2",
    call_tint="#FCE6D3",
    liq_tint="#FBE1DE",
    link="#2450C4",
    primary="#2B55CE",
    chart="#2F62D9",
    chart2="#8A929C",
    hypothetical="#6438CC",
    replay="#0A6778",
    test="#A0227A",
    hypothetical_tint="#F0EBFC",
    test_tint="#FAE9F4",
)


def palette(mode: str | None) -> Palette:
    """The palette of a mode as Streamlit names it (`st.context.theme.type`); dark where unknown."""
    return LIGHT if mode == "light" else DARK
