"""The examples of docs/risk.md do what the page says."""

import doctest
import re
import shlex

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.support import ROOT

PAGE = (ROOT / "docs" / "risk.md").read_text(encoding="utf-8")
COMMAND = re.compile(r"^\$ echo (?P<input>'[^']*') \| fusion (?P<arguments>.*)$")


def commands() -> list[tuple[str, list[str]]]:
    """Every `$ echo '…' | fusion …` and the lines that are to follow it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line, []))
            else:
                found[-1][1].append(line)
    return found


@pytest.mark.parametrize(("command", "expected"), commands())
def test_a_command_prints_what_the_page_shows(command: str, expected: list[str]) -> None:
    match = COMMAND.match(command)
    assert match is not None
    [given] = shlex.split(match["input"])
    result = CliRunner().invoke(app, shlex.split(match["arguments"]), input=given)
    printed = [*result.stdout.splitlines(), *result.stderr.splitlines()]
    assert len(printed) == len(expected)
    for line, shown in zip(printed, expected, strict=True):
        pattern = ".*".join(re.escape(part) for part in shown.split("…"))
        assert re.fullmatch(pattern, line), f"{line}\nis not\n{shown}"


def test_the_python_examples_hold() -> None:
    blocks = re.findall(r"^```pycon\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert blocks
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "risk.md", None, 0)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)
