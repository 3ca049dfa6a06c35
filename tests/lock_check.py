"""The locks are whole: every direct dependency pinned, every pin hashed, no address of any host."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def faults() -> list[str]:
    """What is wrong, a line each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    main = [*project["dependencies"], *extras["build"], *extras["sql"]]
    wanted = {
        "requirements.lock": main,
        "requirements-dev.lock": [*main, *extras["dev"]],
    }
    found = []
    for name, requirements in wanted.items():
        text = (ROOT / name).read_text()
        pins = re.split(r"\n(?=[A-Za-z0-9])", text)
        pinned = {re.split(r"[=\[ ]", pin)[0].lower() for pin in pins}
        for requirement in requirements:
            base = re.split(r"[\[<>=! ]", requirement)[0].lower()
            if base not in pinned:
                found.append(f"{name}: {base} is not pinned; run `make lock`")
        found += [f"{name}: no hash for {p.split()[0]}" for p in pins if "--hash=sha256:" not in p]
        if re.search(r"https?://|--index-url|--find-links", text):
            found.append(f"{name}: names an address")
    return found


if __name__ == "__main__":
    lines = faults()
    sys.stdout.write("".join(f"{line}\n" for line in lines) or "locks: whole, hashed\n")
    sys.exit(1 if lines else 0)
