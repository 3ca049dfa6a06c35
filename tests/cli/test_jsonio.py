"""JSON in and out keeps every digit, names every fault, and answers what can be answered."""

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
import typer

from cli.jsonio import InputError, Unreadable, exact, read, serve, write
from core.errors import FieldError
from core.exact import decimal_of

EIGHTY = "1." + "0123456789" * 7 + "012345678"


def given(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "in.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_number_keeps_the_digits_that_were_written(tmp_path: Path) -> None:
    path = given(tmp_path, f'{{"a": {EIGHTY}, "b": 1e-40, "c": {"9" * 5000}, "d": 0.1}}')
    [(line, value)] = read(path)
    assert line == 1
    assert value == {
        "a": Decimal(EIGHTY),
        "b": Decimal("1e-40"),
        "c": Decimal("9" * 5000),
        "d": Decimal("0.1"),
    }


def test_one_document_may_be_pretty_printed_or_not(tmp_path: Path) -> None:
    value = {"a": [{"b": "1"}, {"b": "2"}]}
    for indent in (None, 2):
        text = "\n" + json.dumps(value, indent=indent) + "\n\n"
        assert list(read(given(tmp_path, text))) == [(2, value)]


def test_json_lines_are_numbered_as_an_editor_does(tmp_path: Path) -> None:
    path = given(tmp_path, '\ufeff{"a":"1"}\n\n{"a":"2"}\r\n')
    assert list(read(path)) == [(1, {"a": "1"}), (3, {"a": "2"})]


def test_standard_input_is_read_when_no_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (None, Path("-")):
        stdin = io.TextIOWrapper(io.BytesIO(b'{"a":"1"}'))
        monkeypatch.setattr("sys.stdin", stdin)
        assert list(read(path)) == [(1, {"a": "1"})]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "a: is given twice"),
        ('{"a": 1', "column 8"),
        ('{\n "a": 1,\n "b": }\n', "line 3 column"),
        ("[" * 200_000, "nested too deeply"),
        (b'{"a": "\xff"}', "UTF-8"),
    ],
)
def test_what_is_no_json_says_why(tmp_path: Path, text: str | bytes, reason: str) -> None:
    [(line, value)] = read(given(tmp_path, text))
    assert line == 1
    assert isinstance(value, Unreadable)
    assert reason in value.reason


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e9999999999999999999999"])
def test_a_number_that_is_not_finite_is_left_to_its_field_to_refuse(
    tmp_path: Path, text: str
) -> None:
    [(_, value)] = read(given(tmp_path, f'{{"a": {text}}}'))
    assert isinstance(value, dict)
    with pytest.raises(FieldError, match="a: must be a finite number"):
        decimal_of(value["a"], "a")


def test_no_input_and_no_file_are_faults(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="empty"):
        list(read(given(tmp_path, " \n")))
    with pytest.raises(InputError, match="No such file"):
        list(read(tmp_path / "none.json"))


def echo(value: object) -> dict[str, object]:
    if value == {"a": "bad"}:
        raise FieldError("a", "is bad")
    if value == {"a": "worse"}:
        raise InputError(["a: is bad", "b: is missing"])
    return {"got": value}


@pytest.mark.parametrize(
    ("lines", "answered", "faults"),
    [
        (['{"a":1}', '{"a":2}'], 2, []),
        (['{"a":1}', '{"a":"bad"}', '{"a":2}'], 2, ["line 2: a: is bad"]),
        (['{"a":"worse"}'], 0, ["line 1: a: is bad", "line 1: b: is missing"]),
        (['{"a":', '{"a":2}', "x"], 1, ["line 1: is not JSON", "line 3: is not JSON"]),
    ],
)
def test_good_lines_are_answered_and_bad_ones_named(
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    lines: list[str],
    answered: int,
    faults: list[str],
) -> None:
    path = given(tmp_path, "\n".join(lines))
    if faults:
        with pytest.raises(typer.Exit) as caught:
            serve(path, echo)
        assert caught.value.exit_code == 2
    else:
        serve(path, echo)
    out, err = capfdbinary.readouterr()
    assert len(out.splitlines()) == answered
    told = err.decode().splitlines()
    assert len(told) == len(faults)
    assert all(line.startswith(fault) for line, fault in zip(told, faults, strict=True))


def test_an_answer_is_one_compact_line_with_decimals_as_strings(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    write({"score": Decimal("27.140"), "who": "Zoë", "none": None})
    assert capfdbinary.readouterr().out.decode() == '{"score":"27.14","who":"Zoë","none":null}\n'


def test_exact_is_plain_and_whole() -> None:
    assert exact(Decimal("1.5E+3")) == "1500"
    assert exact(Decimal("1E-12")) == "0.000000000001"
    assert exact(Decimal(EIGHTY)) == EIGHTY
    assert exact(Decimal("-0.00")) == "0"
