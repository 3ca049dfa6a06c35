"""The Alerts page: one row an account, every hop with its time, a test that goes out once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from consumers.errors import BrokerUnreachableError
from consumers.stores.values import Due
from dashboard import access
from dashboard.access import Role, Viewer
from dashboard.views import alerts_rows
from tests.dashboard.pages import boards, opened, page, table, words
from tests.support_runtime import NOW, SampleRuntime, sample_runtime

TOPIC = "alerts.margin.v1"


def send(test: AppTest, typed: str = TOPIC) -> AppTest:
    """Type the confirmation and press the button."""
    test.text_input[0].set_value(typed).run()
    next(b for b in test.button if b.label == "Send test alert").click().run()
    assert not test.exception
    return test


def told(test: AppTest) -> str:
    """What the panel last said."""
    return test.text[-1].value if test.text else ""


def test_open_incidents_have_one_row_an_account_gravest_first() -> None:
    board = alerts_rows.incidents(sample_runtime().picture()).data()
    rows = table(board)
    real = [row for row in rows if row[1] != "[TEST]"]
    assert real[0][0] == "juniper-06"
    assert len({row[0] for row in real}) == len(real) == 6
    assert words(board["end"][0]) == "6 open"
    by = {row[0]: row for row in real}
    assert by["wren-02"][4:6] == ["×1", "email, webhook"]


def test_a_test_is_hatched_and_counted_nowhere() -> None:
    board = alerts_rows.incidents(sample_runtime().picture()).data()
    (test,) = [row for row in board["rows"] if row["c"] == "hatch"]
    assert words(test["cells"][0]) == "test:control-room"
    assert words(test["cells"][1]) == "[TEST]"
    assert words(test["cells"][4]) == ""
    assert "not counted" in words(test["cells"][5])


def test_what_does_not_fit_is_summed_up_and_not_dropped() -> None:
    runtime = sample_runtime()
    alerts = runtime.picture().alerts
    record = alerts.told["fathom-02"]
    many = {
        f"extra-{i:02d}": replace(record, alert=replace(record.alert, user_id=f"extra-{i:02d}"))
        for i in range(30)
    }
    runtime.change(alerts=replace(alerts, told={**alerts.told, **many}))
    board = alerts_rows.incidents(runtime.picture()).data()
    assert words(board["end"][0]) == "36 open"
    assert words(board["rows"][-1]["cells"][0]) == "29 more in WARNING"


def test_a_missing_receipt_names_its_channel() -> None:
    runtime = sample_runtime()
    alerts = runtime.picture().alerts
    record = alerts.told["wren-02"]
    one = replace(record, receipts=record.receipts[:1])
    runtime.change(alerts=replace(alerts, told={"wren-02": one}))
    board = alerts_rows.incidents(runtime.picture()).data()
    assert words(board["end"][1]) == "1 undelivered"
    missing = ({"email", "webhook"} - {one.receipts[0].channel}).pop()
    assert table(board)[0][5] == f"no receipt from {missing}"


def test_the_silence_is_the_accounts_and_not_ours() -> None:
    """A control room whose journal was lost hears of an old alert only now."""
    runtime = sample_runtime()
    alerts = runtime.picture().alerts
    record = alerts.told["wren-02"]
    told_at = NOW - timedelta(hours=1)
    came = replace(record.received, publish_time=told_at, received_at=NOW)
    runtime.change(alerts=replace(alerts, told={"wren-02": replace(record, received=came)}))
    row = alerts_rows.incidents(runtime.picture()).data()["rows"][0]
    assert row["cells"][-1]["at"] == told_at.timestamp() * 1000


def test_a_round_trip_is_shown_hop_by_hop_with_its_milliseconds() -> None:
    picture = sample_runtime().picture()
    board = alerts_rows.run_board(picture.runs[0], picture, "Last test run", "none").data()
    assert words(board["end"][0]) == "PASS 206 ms"
    rows = table(board)
    assert [row[0] for row in rows] == [
        " Built",
        " Publish acked",
        " Received here",
        " Notifier received",
        " Delivered to sink",
        " Receipt received",
    ]
    assert [row[1] for row in rows][:3] == ["0.0 ms", "6.0 ms", "9.0 ms"]


def test_a_lost_run_names_the_hop_that_is_missing() -> None:
    picture = sample_runtime().picture()
    lost = picture.runs[1]
    board = alerts_rows.run_board(lost, picture, "Earlier run", "none").data()
    assert words(board["end"][0]) == "LOST at notifier received"
    assert [row[1] for row in table(board)][3:] == ["nothing in 10 s", "not reached", "not reached"]


def test_a_publish_ack_alone_never_reads_as_delivered() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = send(page("alerts"))
        runtime.runs.published(runtime.sent[0].test_id, NOW)
        test.run()
        shown = boards(test)["alerts-last"]
    assert words(shown["end"][0]) == "PENDING"
    assert [row[1] for row in table(shown)][2:4] == ["waiting", "not reached"]


def test_the_last_runs_are_counted_by_how_they_ended() -> None:
    board = alerts_rows.last_runs(sample_runtime().picture()).data()
    assert board["sub"] == "1 PASS, 1 LOST, p50 206 ms, worst 206 ms"
    assert [tone for _, tone in board["end"][0]["b"]] == ["liq", "ok"]


def test_the_ledger_shows_a_hole_where_nothing_came() -> None:
    runtime = sample_runtime()
    scores = runtime.scores
    assert scores is not None
    record = runtime.picture().alerts.told["wren-02"]
    at = record.received.received_at - timedelta(seconds=1)
    due = (
        Due(at, record.alert, record),
        Due(NOW - timedelta(minutes=1), record.alert, None),
        Due(NOW - timedelta(seconds=2), record.alert, None),
    )
    runtime.scores = replace(scores, due=due)
    board = alerts_rows.ledger(runtime.picture()).data()
    assert words(board["end"][1]) == "1 hole"
    rows = table(board)
    assert rows[0][4] == "+1.00 s"
    assert rows[1][3] == "none came"
    assert rows[2][3] == "waiting"


def test_a_reminder_reads_as_one_and_not_as_a_change() -> None:
    runtime = sample_runtime()
    assert runtime.scores is not None
    alert = runtime.picture().alerts.told["wren-02"].alert
    again = replace(alert, previous_status=alert.status, sequence=2)
    runtime.scores = replace(runtime.scores, due=(Due(NOW, again, None),))
    (row,) = table(alerts_rows.ledger(runtime.picture()).data())
    assert row[1] == "reminder, still MARGIN_CALL"


def test_the_bytes_shown_are_the_bytes_sent_and_they_are_sent_once() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("alerts")
        shown = test.code[0].value
        captions = " ".join(caption.value for caption in test.caption)
        send(test)
    (sent,) = runtime.sent
    assert sent.encoded.data.decode() == shown
    assert sent.sha256[:12] in captions


def test_without_the_typed_name_nothing_is_sent() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = send(page("alerts"), typed="alerts.margin")
        assert told(test) == f"Not sent: type {TOPIC} exactly as it stands here."
    assert runtime.sent == []


def test_a_rerun_or_a_second_click_sends_nothing_more() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = send(page("alerts"))
        test.run()
        next(b for b in test.button if b.label == "Send test alert").click().run()
        assert len(runtime.sent) == 1
        assert test.text_input[0].value == ""


def test_a_double_click_on_the_very_same_preview_is_answered_by_its_run() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("alerts")
        runtime.send_test_alert(test.session_state["alerts-preview"], "local")
        send(test)
        assert "Refused" not in told(test)
    assert len(runtime.sent) == 1


def test_the_fourth_in_a_minute_is_refused_with_the_time_left() -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("alerts")
        for _ in range(4):
            send(test)
        assert told(test) == "Refused: limit of 3 a minute: 42 s left."
    assert len(runtime.sent) == 3


@pytest.mark.parametrize("severity", ["low", "medium", "critical"])
def test_another_severity_is_another_preview(severity: str) -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("alerts")
        test.button_group[0].set_value(severity).run()
        assert f'"severity":"{severity}"' in test.code[0].value.replace(" ", "")
        send(test)
    assert runtime.sent[0].alert.severity == severity


def test_a_viewer_has_no_button(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "who", lambda: Viewer("v", Role.VIEWER))
    with opened(sample_runtime()):
        test = page("alerts")
        assert not test.button
        assert any("role of operator" in caption.value for caption in test.caption)


def test_forged_session_state_cannot_send(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = sample_runtime()
    with opened(runtime):
        test = page("alerts")
        test.text_input[0].set_value(TOPIC).run()
        monkeypatch.setattr(access, "who", lambda: Viewer("v", Role.VIEWER))
        next(b for b in test.button if b.label == "Send test alert").click().run()
    assert runtime.sent == []


def test_a_broker_that_does_not_answer_is_an_error_and_the_page_lives() -> None:
    class Unreachable(SampleRuntime):
        def preview_test_alert(self, severity: object, by: str) -> object:  # type: ignore[override]
            raise BrokerUnreachableError("127.0.0.1:1", "refused")

    with opened(Unreachable(sample_runtime().settings)):
        test = page("alerts")
        assert test.error[0].value.startswith("The broker does not answer")
        assert "alerts-open" in boards(test)


def test_an_empty_control_room_is_quiet_and_says_so() -> None:
    with opened(sample_runtime(empty=True)):
        shown = boards(page("alerts"))
    assert shown["alerts-open"]["say"]["v"] == "No open incident."
    assert shown["alerts-last"]["say"]["v"].startswith("No test has been sent yet.")
    assert shown["alerts-ledger"]["say"]["v"] == "No alert was due in the last hour."


def test_the_receivers_say_what_they_do_with_a_test() -> None:
    with opened(sample_runtime()):
        rows = table(boards(page("alerts"))["alerts-receivers"])
    assert rows == [
        ["alert-notification-service", "routes tests to the sink", "no person"],
        ["control-room-alerts-a1", "watches for its return", "this screen"],
    ]
