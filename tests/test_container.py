"""The image as its Dockerfile says it: small rights, pinned packages, Streamlit's settings found.

There is no build here, only the text: what is copied where, and what is run.
"""

import re
from pathlib import Path

import pytest

from embedded import stack

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "consumers", "embedded", "dashboard", "cli")


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """(instruction, arguments) in order; continued lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in (s.partition(" ") for s in joined)]


@pytest.fixture(scope="module")
def stages(steps: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """The steps of each stage, its FROM first."""
    starts = [number for number, (word, _) in enumerate(steps) if word == "FROM"]
    ends = [*starts[1:], len(steps)]
    return [steps[start:end] for start, end in zip(starts, ends, strict=True)]


def of(word: str, steps: list[tuple[str, str]]) -> list[str]:
    """The arguments of every such instruction."""
    return [rest for one, rest in steps if one == word]


def test_the_second_of_two_stages_installs_nothing(stages: list[list[tuple[str, str]]]) -> None:
    assert len(stages) == 2
    assert of("FROM", stages[0]) == ["python:3.11-slim AS build"]
    assert not any("pip" in run or "apt" in run for run in of("RUN", stages[1]))


def test_it_does_not_run_as_root(stages: list[list[tuple[str, str]]]) -> None:
    last = stages[-1]
    assert of("USER", last) == ["10001"]
    words = [word for word, _ in last]
    assert words.index("USER") < words.index("CMD")
    assert "--uid 10001" in of("RUN", last)[0]


def test_nothing_is_fetched_by_address(steps: list[tuple[str, str]]) -> None:
    assert not of("ADD", steps)
    assert not any(re.search(r"https?://|\bcurl\b|\bwget\b", rest) for _, rest in steps)


def test_every_package_comes_from_the_lock_with_its_hash(steps: list[tuple[str, str]]) -> None:
    installs = [run for run in of("RUN", steps) if "pip install" in run]
    fetching = [run for run in installs if "--no-deps" not in run]
    assert len(fetching) == 1
    assert "--require-hashes -r /build/requirements.lock" in fetching[0]
    assert installs[1:] == [
        "/opt/fusion/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e /app"
    ]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for backend in ("hatchling==", "editables=="):  # the build has no network of its own
        assert f"\n{backend}" in lock


def test_the_configuration_lies_beside_the_packages(stages: list[list[tuple[str, str]]]) -> None:
    build, last = stages
    app = build[[*build].index(("WORKDIR", "/app")) :]
    copied = of("COPY", app)
    for name in (*PACKAGES, ".streamlit"):
        assert f"{name} {name}" in copied
    assert of("COPY", last) == [
        "--from=build /opt/fusion /opt/fusion",
        "--from=build /app /app",
    ]


def test_the_dashboard_is_started_where_the_configuration_lies() -> None:
    assert stack.ROOT == ROOT
    assert (stack.ROOT / ".streamlit" / "config.toml").is_file()
    assert (stack.ROOT / "dashboard" / "server.py").is_file()


def test_all_that_is_written_goes_to_data_and_tmp(stages: list[list[tuple[str, str]]]) -> None:
    last = stages[-1]
    (env,) = of("ENV", last)
    settings = dict(pair.split("=", 1) for pair in env.split())
    assert settings["PYTHONDONTWRITEBYTECODE"] == "1"
    assert settings["HOME"] == "/tmp"
    assert settings["FUSION_DATA_DIR"] == "/data"
    assert of("VOLUME", last) == ["/data"]


def test_neither_secrets_nor_recordings_reach_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "var", ".streamlit/secrets.toml"} <= set(ignored)
