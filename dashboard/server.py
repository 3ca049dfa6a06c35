"""The dashboard's process: `python -m streamlit run dashboard/server.py`, from the project's root.

The runtime starts once, in the lifespan. Settings that cannot be used end the process before it
listens, with one line per fault.
"""

import sys

import streamlit as st
from starlette.middleware import Middleware

from consumers import logs
from consumers.runtime import Runtime
from consumers.settings import Settings, SettingsError, load
from consumers.spans import export_spans
from dashboard.api import routes
from dashboard.guard import Guard
from dashboard.hosting import control_room
from dashboard.live.hub import Hub

BAD_INPUT = 2


def settings_or_exit() -> Settings:
    """The settings of the environment; without usable ones the process ends here."""
    try:
        settings = load()
        export_spans(settings, "control-room")
    except SettingsError as error:
        for fault in error.faults:
            sys.stderr.write(f"{fault}\n")
        sys.exit(BAD_INPUT)
    return settings


def runtime_of(settings: Settings) -> Runtime:
    """The composition root, over these settings."""
    logs.configure(settings.log_level)
    return Runtime(settings)


HUB = Hub()
SETTINGS = settings_or_exit()

# `streamlit run` finds this assignment by reading the source: it must stay a plain call of st.App.
app = st.App(
    "app.py",
    lifespan=control_room(lambda: runtime_of(SETTINGS), HUB),
    routes=routes(HUB),
    middleware=[Middleware(Guard)],
)
