"""What every session runs: the frame, the verdict, and the page that was asked for."""

from pathlib import Path

import streamlit as st

from dashboard.live.component import verdict_bar

HERE = Path(__file__).parent
PAGES = (
    (
        "overview",
        "Overview",
        "vital_signs",
        "Whether this screen may be trusted, and what is worst.",
    ),
    ("prices", "Prices", "show_chart", "Live prices with their ages, gaps and flags."),
    ("accounts", "Accounts", "table", "Every account, and why its score is what it is."),
    ("what_if", "What-if", "balance", "A changed portfolio under changed prices; nothing is sent."),
    ("pipeline", "Pipeline", "commit", "Every subscription: behind, growing, stuck or silent."),
    ("alerts", "Alerts", "notifications", "Open incidents, deliveries, and the test alert."),
    ("system", "System", "menu", "Threads, settings, versions."),
)

# Before the navigation, which would else take a page's icon for the tab's and fetch it from a CDN.
st.set_page_config(
    page_title="Fusion Prime", page_icon=str(HERE / "static" / "icon.svg"), layout="wide"
)
st.logo(str(HERE / "static" / "logo.svg"))
page = st.navigation(
    [
        st.Page(
            f"views/{name}.py",
            title=title,
            icon=f":material/{icon}:",
            url_path=name.replace("_", "-"),
            default=name == "overview",
            help=words,
        )
        for name, title, icon, words in PAGES
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} \u00b7 Fusion Prime")
verdict_bar()
page.run()
