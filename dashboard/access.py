"""Who is at the screen, and what they may do; asked again at the act, never taken from the page."""

from dataclasses import dataclass
from enum import StrEnum

import streamlit as st

from consumers import door

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")


class Role(StrEnum):
    """A viewer looks, an operator acts, an admin also changes rules."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Action(StrEnum):
    """What can be done from a page."""

    SEND_TEST_ALERT = "send_test_alert"
    SEE_SETTINGS = "see_settings"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody at a screen."""

    name: str
    role: Role


ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset(),
    Role.OPERATOR: frozenset({Action.SEND_TEST_ALERT, Action.SEE_SETTINGS}),
    Role.ADMIN: frozenset(Action),
}


def who() -> Viewer:
    """The person of this session: on a loopback-only server the local user, who is admin."""
    headers = st.context.headers
    forwarded = any(name in headers for name in FORWARDED)
    return viewer_from(door.runtime().settings.host, forwarded=forwarded)


def viewer_from(host: str, *, forwarded: bool) -> Viewer:
    """The viewer behind a server bound to `host`; exact matches only.

    A request that a proxy passed on may come from anywhere: without sign-in it may look, not act.
    """
    if host in LOOPBACK and not forwarded:
        return Viewer("local", Role.ADMIN)
    return Viewer("remote", Role.VIEWER)


def may(action: Action, viewer: Viewer | None = None) -> bool:
    """Whether this session's viewer, or the one given, may do it."""
    return action in ALLOWED[(viewer or who()).role]
