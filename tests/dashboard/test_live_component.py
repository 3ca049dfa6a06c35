"""What is sent to the browser as script and style: one module each, no HTML from data, no fetch."""

import re

import pytest

from dashboard.live import component
from dashboard.live.component import ASSETS, BOARD, script, style

SCRIPTS = {"verdict": script("verdict.js"), "board": script(*BOARD)}


@pytest.mark.parametrize("name", SCRIPTS)
def test_component_is_one_module(name: str) -> None:
    assert SCRIPTS[name].count("export default") == 1
    assert "\nimport " not in SCRIPTS[name]


@pytest.mark.parametrize("name", SCRIPTS)
def test_data_never_becomes_html(name: str) -> None:
    banned = r"innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|\beval\b|new Function"
    assert not re.search(banned, SCRIPTS[name])


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_is_asked_of_other_hosts(name: str) -> None:
    urls = set(re.findall(r"https?://[^\"'` )]+", SCRIPTS[name]))
    assert urls <= {"http://www.w3.org/2000/svg"}
    assert "fetch(" not in SCRIPTS[name]


def test_every_asset_is_used() -> None:
    used = {*component.COMMON, *BOARD, "verdict.js"}
    used |= {"tokens.css", "base.css", "verdict.css", "board.css"}
    assert {file.name for file in ASSETS.iterdir()} == used


@pytest.mark.parametrize("sheet", ["verdict.css", "board.css"])
def test_styles_use_only_tokens_that_exist(sheet: str) -> None:
    text = style(sheet)
    defined = set(re.findall(r"(--[a-z0-9-]+):", text))
    used = {v for v in re.findall(r"var\((--[a-z0-9-]+)", text) if not v.startswith("--st-")}
    assert used <= defined


def test_scripts_use_only_tokens_that_exist() -> None:
    defined = set(re.findall(r"(--[a-z0-9-]+):", style("board.css")))
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", SCRIPTS["board"]))
    assert used <= defined
