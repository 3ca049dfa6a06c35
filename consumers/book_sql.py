"""Rows of positions from a database, by a query."""

from collections.abc import Iterator

from consumers.errors import BookSourceError
from core.position_rows import COLUMNS, Row

BATCH = 10_000


def rows(url: str, query: str) -> Iterator[tuple[int, Row]]:
    """Every row of the query's result with its number, from 1.

    `url` is SQLAlchemy's (`postgresql+psycopg://user:password@host/db`); its password is never in
    an error. The query runs in a transaction that is rolled back. Raises BookSourceError.
    """
    import sqlalchemy as sa  # loaded for such a book alone

    try:
        address = sa.make_url(url)
        engine = sa.create_engine(address, poolclass=sa.NullPool)
    except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
        raise BookSourceError("FUSION_BOOK_URL", _reason(error, url)) from None
    shown = address.render_as_string(hide_password=True)
    try:
        with engine.connect().execution_options(stream_results=True) as connection:
            result = connection.execute(sa.text(query)).mappings()
            missing = [column for column in COLUMNS if column not in result.keys()]  # noqa: SIM118
            if missing:
                raise BookSourceError(shown, f"column {missing[0]} is missing")
            yield from enumerate(map(dict, result.yield_per(BATCH)), 1)
    except sa.exc.SQLAlchemyError as error:
        raise BookSourceError(shown, _reason(error, url)) from None


def _reason(error: Exception, url: str) -> str:
    """The first line of what went wrong, without the address that a driver may repeat."""
    text = str(getattr(error, "orig", None) or error).replace(url, "the address")
    lines = text.splitlines()
    return lines[0] if lines else type(error).__name__
