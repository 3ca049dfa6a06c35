"""Rows of positions from a Parquet file. Decimals and texts come as they are, to the last digit."""

from collections.abc import Iterator
from pathlib import Path

from consumers.errors import BookSourceError
from core.position_rows import COLUMNS, Row

BATCH = 10_000


def rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Every row with its number, from 1. Raises BookSourceError."""
    import pyarrow as pa  # loaded for such a book alone: it is large
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            missing = [c for c in COLUMNS if c not in file.schema_arrow.names]
            if missing:
                raise BookSourceError(path, f"column {missing[0]} is missing")
            number = 0
            for batch in file.iter_batches(BATCH, columns=list(COLUMNS)):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (OSError, pa.ArrowException) as error:
        raise BookSourceError(path, str(error)) from None
