"""`python -m embedded.broker`: the broker as a child process, for `BrokerProcess`."""

import argparse
from pathlib import Path

from embedded.broker.command import run


def main() -> int:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m embedded.broker")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--allow-public", action="store_true")
    parser.add_argument("--seed", type=Path, help="TOML or JSON: what it has from its start")
    parser.add_argument("--memory-mb", type=int, help="what messages may take")
    parser.add_argument("--cloud-delays", action="store_true")
    parser.add_argument("--parent", type=int, help="end with this process, or with standard input")
    chosen = parser.parse_args()
    return run(
        chosen.host,
        chosen.port,
        allow_public=chosen.allow_public,
        parent=chosen.parent,
        seed=chosen.seed,
        memory_mb=chosen.memory_mb,
        cloud_delays=chosen.cloud_delays,
    )


if __name__ == "__main__":
    raise SystemExit(main())
