"""JSON in and out of a command: numbers keep every digit, one answer is one line.

Read is one JSON document, pretty-printed or not, or JSON Lines. A number becomes the Decimal that
was written, however many digits it has. An input that cannot be used gives one line per fault on
standard error and exit 2; where there are several inputs, the good ones are still answered, in
their order, and the faults follow at the end, each with the line its input begins on.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import BinaryIO, NoReturn

from cli.faults import BAD_INPUT, refuse
from core.errors import CoreError
from core.exact import plain

Answer = Mapping[str, object]


class InputError(ValueError):
    """A request that cannot be answered: all its faults, such as `accounts.0.collateral.ETH: …`."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in `read` for an input that is no JSON, and says why."""

    reason: str


def read(path: Path | None) -> Iterator[tuple[int, object]]:
    """The inputs of a file, or of standard input for None and `-`, with the line each begins on.

    Numbers are Decimals with the digits that were written, NaN and Infinity too, which the field
    that they stand in refuses. A key given twice in one object and broken JSON give `Unreadable` in
    the place of the input. JSON Lines are handed on as they come. Raises InputError for a file that
    cannot be read and for no input at all.
    """
    if path is None or str(path) == "-":
        yield from _inputs(sys.stdin.buffer)
        return
    try:
        with path.open("rb") as file:
            yield from _inputs(file)
    except OSError as error:
        raise InputError([f"{path}: {error.strerror or error}"]) from None


def serve(
    path: Path | None,
    answer: Callable[[object], Answer],
    show: Callable[[Answer], None] | None = None,
) -> None:
    """Answer every input and `show` the answer (a line of JSON unless told otherwise).

    What `answer` raises as InputError or CoreError is a fault of that input alone. With any fault
    the command ends with exit 2 after the last input.
    """
    faults: list[str] = []
    try:
        for line, value in read(path):
            try:
                found = _unless_unreadable(value, answer)
            except (InputError, CoreError) as error:
                faults += [f"line {line}: {fault}" for fault in faults_of(error)]
            else:
                (show or write)(found)
    except InputError as error:
        faults += error.faults
    if faults:
        fail(faults)


def faults_of(error: InputError | CoreError) -> tuple[str, ...]:
    """What is wrong, one sentence each."""
    return getattr(error, "faults", None) or (str(error),)


def write(answer: Answer) -> None:
    """Put one compact line on standard output; a Decimal is written as an `exact` string."""
    text = json.dumps(
        answer, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_spelled
    )
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()


def exact(value: Decimal) -> str:
    """Every digit of the value in plain notation, without trailing zeros: `1500`, `0.0000001`.

    Values that core computes carry 50 significant digits where they do not end sooner.
    """
    return plain(value) if value else "0"


def fail(faults: Iterable[str]) -> NoReturn:
    """End with exit 2, one line per fault on standard error."""
    refuse("\n".join(" ".join(fault.splitlines()) for fault in faults), BAD_INPUT)


def _unless_unreadable(value: object, answer: Callable[[object], Answer]) -> Answer:
    if isinstance(value, Unreadable):
        raise InputError([value.reason])
    return answer(value)


def _inputs(file: BinaryIO) -> Iterator[tuple[int, object]]:
    """Line by line while each line is an input; the rest at once when the first one is not."""
    number = 0
    for raw in file:
        number += 1
        if not raw.strip(b" \t\r\n\xef\xbb\xbf"):
            continue
        first = _parse(raw)
        if isinstance(first, Unreadable):
            yield from _document(number, raw + file.read(), first)
            return
        yield number, first
        break
    else:
        raise InputError(["the input is empty: a JSON object is expected"])
    yield from _lines(number + 1, file)


def _document(start: int, raw: bytes, first: Unreadable) -> Iterator[tuple[int, object]]:
    """One document over many lines; or lines of which the first is broken."""
    whole = _parse(raw)
    lines = raw.splitlines()
    others = (line for line in lines[1:] if line.startswith(b"{"))
    if not isinstance(whole, Unreadable) or all(isinstance(_parse(x), Unreadable) for x in others):
        yield start, whole
        return
    yield start, first
    yield from _lines(start + 1, lines[1:])


def _lines(start: int, lines: Iterable[bytes]) -> Iterator[tuple[int, object]]:
    for number, raw in enumerate(lines, start):
        if raw.strip():
            yield number, _parse(raw)


def _parse(raw: bytes) -> object:
    try:
        return json.loads(
            raw.decode("utf-8-sig"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=Decimal,  # refused by the field that it stands in
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        at = f"line {error.lineno} column" if error.lineno > 1 else "column"
        return Unreadable(f"is not JSON: {error.msg} at {at} {error.colno}")
    except UnicodeDecodeError:
        return Unreadable("is not UTF-8 text")
    except RecursionError:
        return Unreadable("is nested too deeply")
    except InputError as error:
        return Unreadable(str(error))


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds: no finite number either
        return Decimal("Infinity")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise InputError([f"{key}: is given twice in one object"])
        found[key] = value
    return found


def _spelled(value: object) -> str:
    if isinstance(value, Decimal):
        return exact(value)
    raise TypeError(value)  # a fault of ours: floats, dates and the like are spelled by the command
