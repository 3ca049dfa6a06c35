"""Who may do what: the local user everything, anybody else nothing."""

import pytest
from starlette.datastructures import Headers

from consumers import door
from dashboard.access import FORWARDED, Action, Role, Viewer, may, viewer_from, viewer_of
from tests.support_runtime import sample_runtime


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_a_loopback_server_the_local_user_is_admin(host: str) -> None:
    assert viewer_from(host, forwarded=False) == Viewer("local", Role.ADMIN)


@pytest.mark.parametrize(
    "host", ["127.0.0.1.evil.example", "127.0.0.2", "0.0.0.0", "", "evil.localhost"]
)
def test_a_host_that_only_looks_local_makes_nobody_admin(host: str) -> None:
    assert viewer_from(host, forwarded=False).role is Role.VIEWER


def test_what_a_proxy_passed_on_is_a_viewer() -> None:
    assert viewer_from("127.0.0.1", forwarded=True).role is Role.VIEWER


@pytest.mark.parametrize("name", [*FORWARDED, *(name.lower() for name in FORWARDED)])
def test_any_header_of_a_proxy_makes_a_viewer(name: str) -> None:
    door.install(sample_runtime())
    try:
        assert viewer_of(Headers({})).role is Role.ADMIN
        assert viewer_of(Headers({name: "127.0.0.1"})).role is Role.VIEWER
    finally:
        door.install(None)


def test_a_viewer_may_do_nothing_an_operator_may_test_an_admin_all() -> None:
    assert not any(may(action, Viewer("v", Role.VIEWER)) for action in Action)
    assert may(Action.SEND_TEST_ALERT, Viewer("o", Role.OPERATOR))
    assert may(Action.PUBLISH_MARGIN_EVENT, Viewer("o", Role.OPERATOR))
    assert all(may(action, Viewer("a", Role.ADMIN)) for action in Action)
