"""The palette is what `.streamlit/config.toml` sets, and what is written is readable."""

import tomllib
from typing import Any

import pytest

from core.policy import Status
from core.staleness import Freshness
from dashboard.theme import DARK, LIGHT, Palette, palette
from tests.support import ROOT

NAMES = {
    "backgroundColor": "bg",
    "secondaryBackgroundColor": "surf",
    "borderColor": "line",
    "textColor": "tx",
    "codeTextColor": "tx2",
    "dataframeHeaderTextColor": "tx3",
    "linkColor": "link",
    "primaryColor": "primary",
    "greenColor": "ok_fill",
    "yellowColor": "warn_fill",
    "orangeColor": "call_fill",
    "redColor": "liq_fill",
    "greenTextColor": "ok",
    "yellowTextColor": "warn",
    "orangeTextColor": "call",
    "redTextColor": "liq",
    "greenBackgroundColor": "ok_tint",
    "yellowBackgroundColor": "warn_tint",
    "orangeBackgroundColor": "call_tint",
    "redBackgroundColor": "liq_tint",
    "blueColor": "chart",
    "grayColor": "chart2",
    "grayTextColor": "none",
    "violetColor": "hypothetical",
}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    """The configuration that Streamlit reads."""
    return tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_palette_is_the_configured_theme(colours: Palette, config: dict[str, Any]) -> None:
    theme = config["theme"][colours.mode]
    assert {k: theme[k] for k in NAMES} == {k: getattr(colours, v) for k, v in NAMES.items()}


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("name", ["tx", "tx2", "tx3", "ok", "warn", "call", "liq", "none", "link"])
def test_text_is_readable_on_the_page(colours: Palette, name: str) -> None:
    assert contrast(getattr(colours, name), colours.bg) >= 4.5


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_every_status_and_freshness_has_its_colour(colours: Palette) -> None:
    assert len({colours.status(s) for s in Status}) == 6
    assert len({colours.fill(s) for s in Status}) == 6
    assert len({colours.freshness(f) for f in Freshness}) == 5


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_no_series_can_be_mistaken_for_a_status(colours: Palette) -> None:
    statuses = {colours.status(s) for s in Status} | {colours.fill(s) for s in Status}
    assert not statuses & set(colours.series)


def test_unknown_mode_is_dark() -> None:
    assert palette(None) is palette("dark") is DARK
    assert palette("light") is LIGHT


def test_only_loopback_is_served_and_fonts_are_our_own(config: dict[str, Any]) -> None:
    assert config["server"]["address"] == "127.0.0.1"
    assert set(config["server"]["allowedHosts"]) == {"localhost", "127.0.0.1", "::1"}
    for face in config["theme"]["fontFaces"]:
        assert (ROOT / "dashboard" / face["url"].removeprefix("app/")).is_file()


def contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB`."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
