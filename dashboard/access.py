"""Who is at the screen, and what they may do; asked again at the act, never taken from the page."""

from collections.abc import Container
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
    """What can be done from a page or over HTTP."""

    SEND_TEST_ALERT = "send_test_alert"
    PUBLISH_MARGIN_EVENT = "publish_margin_event"
    SEE_SETTINGS = "see_settings"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody at a screen."""

    name: str
    role: Role


ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset(),
    Role.OPERATOR: frozenset(
        {Action.SEND_TEST_ALERT, Action.PUBLISH_MARGIN_EVENT, Action.SEE_SETTINGS}
    ),
    Role.ADMIN: frozenset(Action),
}


def who() -> Viewer:
    """The person of this session: on a loopback-only server the local user, who is admin."""
    return viewer_of(st.context.headers)


def viewer_of(headers: Container[str]) -> Viewer:
    """The viewer behind a request with these headers, whose names are matched in any case."""
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
