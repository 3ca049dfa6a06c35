"""Who is at the screen, and what they may do; asked again at the act, never taken from the page."""

from dataclasses import dataclass
from enum import StrEnum

import streamlit as st

LOOPBACK = frozenset({None, "127.0.0.1", "::1", "localhost"})


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
    """The person of this session: on loopback the local user, who is admin; else a nameless viewer.

    Streamlit leaves the address empty for a browser on this machine.
    """
    return viewer_from(st.context.ip_address)


def viewer_from(address: str | None) -> Viewer:
    """The viewer behind a peer's address; exact matches only."""
    if address in LOOPBACK:
        return Viewer("local", Role.ADMIN)
    return Viewer("remote", Role.VIEWER)


def may(action: Action, viewer: Viewer | None = None) -> bool:
    """Whether this session's viewer, or the one given, may do it."""
    return action in ALLOWED[(viewer or who()).role]
