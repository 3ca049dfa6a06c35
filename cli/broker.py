"""`fusion broker`: the embedded broker by itself."""

from pathlib import Path
from typing import Annotated

import typer


def broker(
    host: Annotated[str, typer.Option(help="Address to serve; loopback unless allowed.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="Port to serve; 0 takes a free one.")] = 0,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Serve other machines too. No credentials asked.")
    ] = False,
    cloud_delays: Annotated[
        bool,
        typer.Option(
            "--cloud-delays", help="Show Monitoring figures a minute apart and minutes late."
        ),
    ] = False,
    seed: Annotated[
        Path | None,
        typer.Option(help="TOML or JSON file of topics and subscriptions to start with."),
    ] = None,
    memory_mb: Annotated[
        int,
        typer.Option(
            "--memory-mb",
            min=1,
            help="What messages may take, MiB; publishers wait at the limit.",
        ),
    ] = 512,
) -> None:
    """Run a Pub/Sub broker on this machine; prints one JSON line with its address."""
    from embedded.broker.command import run

    raise typer.Exit(
        run(
            host,
            port,
            allow_public=allow_public,
            seed=seed,
            memory_mb=memory_mb,
            cloud_delays=cloud_delays,
        )
    )
