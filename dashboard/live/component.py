"""The live components: registered once, at import, drawn in the browser from one event stream.

Their script and style are the files in `assets`, joined in order: a component is one module, so
that nothing is fetched from anywhere.
"""

from pathlib import Path

import streamlit as st

ASSETS = Path(__file__).parent / "assets"
SHAPES = Path(__file__).parent.parent / "board" / "glyphs.js"
COMMON = ("dom.js", "feed.js", "ages.js")
BOARD = ("line.js", "tiles.js", "strip.js", "accounts.js", "ledger.js", "book.js", "board.js")


def script(*names: str) -> str:
    """One module: the shapes (in a scope of their own), what all components share, these files."""
    shapes = SHAPES.read_text(encoding="utf-8")
    parts = [f"const {{ GLYPHS, tint }} = (() => {{\n{shapes}\nreturn {{ GLYPHS, tint }};\n}})();"]
    parts += [(ASSETS / name).read_text(encoding="utf-8") for name in (*COMMON, *names)]
    return "\n".join(parts)


def style(*names: str) -> str:
    """One sheet: the tokens, what all components share, and these files."""
    files = (ASSETS / name for name in ("tokens.css", "base.css", *names))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


_VERDICT = st.components.v2.component(
    "fusion_verdict", js=script("verdict.js"), css=style("verdict.css")
)
_BOARD = st.components.v2.component("fusion_board", js=script(*BOARD), css=style("board.css"))


def verdict_bar() -> None:
    """The verdict, the ages it rests on, and the clock; the same on every page."""
    _VERDICT(key="verdict_bar")


def overview_board() -> None:
    """The line, the tiles, the prices, the accounts, the ledger and the book."""
    _BOARD(key="overview_board")
