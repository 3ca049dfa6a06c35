"""The frame and the Overview as a session runs them; what they draw is tested in the browser."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from consumers import door
from tests.support import ROOT
from tests.support_runtime import sample_runtime

APP = str(ROOT / "dashboard" / "app.py")


@pytest.fixture(autouse=True)
def runtime() -> Iterator[None]:
    """The sample, behind the door."""
    door.install(sample_runtime())
    yield
    door.install(None)


def components(test: AppTest) -> list[str]:
    """The live components on the page, in order."""
    return [e.proto.component_name for e in test.get("bidi_component")]


def test_overview_is_the_verdict_and_the_board() -> None:
    test = AppTest.from_file(APP, default_timeout=30).run()
    assert not test.exception
    assert components(test) == ["fusion_verdict", "fusion_board"]


@pytest.mark.parametrize("page", ["prices", "accounts", "what_if", "pipeline", "alerts", "system"])
def test_verdict_is_drawn_first_on_every_page(page: str) -> None:
    test = AppTest.from_file(APP, default_timeout=30).run()
    test.switch_page(f"views/{page}.py").run()
    assert not test.exception
    assert components(test)[0] == "fusion_verdict"


def test_overview_alone_needs_no_runtime() -> None:
    door.install(None)
    test = AppTest.from_file(APP, default_timeout=30).run()
    assert not test.exception
