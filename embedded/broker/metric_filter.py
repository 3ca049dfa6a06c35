"""The filters of Cloud Monitoring, as far as reading Pub/Sub's metrics needs them.

https://docs.cloud.google.com/monitoring/api/v3/filters : comparisons with `=`, `!=` and `:` (has),
`starts_with`, `ends_with`, `has_substring`, `one_of`; NOT binds closest, then OR, then AND, which
may be left out. Keys: `metric.type`, `resource.type`, `project`, `metric.labels.<key>`,
`resource.labels.<key>`; a key the series does not have is the empty string.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from embedded.broker.errors import InvalidArgumentError

Series = Mapping[str, str]
Predicate = Callable[[Series], bool]

_LONGEST = 2048
_DEEPEST = 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign>!=|[=:(),])"""
    r"""|(?P<word>[A-Za-z0-9_./-]+))"""
)
_KEY = re.compile(r"metric\.type|resource\.type|project|(metric|resource)\.labels?\.[A-Za-z0-9_]+")
_FUNCTIONS: Mapping[str, Callable[[str, tuple[str, ...]], bool]] = {
    "starts_with": lambda value, wanted: value.startswith(wanted[0]),
    "ends_with": lambda value, wanted: value.endswith(wanted[0]),
    "has_substring": lambda value, wanted: wanted[0] in value,
    "one_of": lambda value, wanted: value in wanted,
}


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """A parsed filter; `keys` are those it mentions, `matches` tells whether a series is wanted,
    `types` are the metric types that alone can match, None if it does not narrow them by name."""

    keys: frozenset[str]
    matches: Predicate
    types: frozenset[str] | None = None

    def only(self, *allowed: str) -> "MetricFilter":
        """Itself, refused when it goes by anything but the keys that begin so."""
        for mentioned in sorted(self.keys):
            if not mentioned.startswith(allowed):
                raise InvalidArgumentError("filter", mentioned, f"go by {' and '.join(allowed)}")
        return self


def parse(text: str) -> MetricFilter:
    """The filter in `text`; InvalidArgumentError says where it is wrong."""
    if len(text) > _LONGEST:
        raise InvalidArgumentError("filter length", len(text), f"be at most {_LONGEST}")
    parser = _Parser(text)
    whole = parser.conjunction()
    return MetricFilter(frozenset(parser.keys), whole.matches, whole.types)


def key(text: str, field: str = "filter") -> str:
    """The plain name of a key: `resource.label."topic_id"` is `resource.labels.topic_id`."""
    plain = re.sub(r"""\.(["'])([^"']*)\1$""", r".\2", text)
    if not _KEY.fullmatch(plain):
        raise InvalidArgumentError(field, text, "name a type or a label of the metric or resource")
    return plain.replace(".label.", ".labels.")


@dataclass(frozen=True, slots=True)
class _Term:
    """A part of a filter; `types` as in MetricFilter."""

    matches: Predicate
    types: frozenset[str] | None = None


class _Parser:
    """Recursive descent over the tokens: (kind, text, position)."""

    def __init__(self, text: str) -> None:
        self.keys: set[str] = set()
        self._text = text
        self._depth = 0
        self._tokens = _tokens(text)
        self._next = 0

    def conjunction(self, closing: str = "") -> _Term:
        """Terms that must all hold, up to `closing` or the end."""
        terms = [self._disjunction()]
        while self._peek() != closing:
            if self._peek() == "AND":
                self._next += 1
            terms.append(self._disjunction())
        narrow = [term.types for term in terms if term.types is not None]
        return _Term(
            lambda series: all(term.matches(series) for term in terms),
            frozenset.intersection(*narrow) if narrow else None,
        )

    def _disjunction(self) -> _Term:
        terms = [self._term()]
        while self._peek() == "OR":
            self._next += 1
            terms.append(self._term())
        narrow = [term.types for term in terms if term.types is not None]
        return _Term(
            lambda series: any(term.matches(series) for term in terms),
            frozenset.union(*narrow) if len(narrow) == len(terms) else None,
        )

    def _term(self) -> _Term:
        opening = self._peek()
        if opening not in ("NOT", "("):
            return self._comparison()
        self._next += 1
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidArgumentError("filter", self._text, f"be nested at most {_DEEPEST} deep")
        if opening == "NOT":
            negated = self._term().matches
            inner = _Term(lambda series: not negated(series))
        else:
            inner = self.conjunction(")")
            self._next += 1
        self._depth -= 1
        return inner

    def _comparison(self) -> _Term:
        key = self._key()
        kind, sign = self._take()
        if kind != "sign" or sign not in ("=", "!=", ":"):
            raise self._error("a comparison")
        kind, value = self._take()
        if kind == "word" and self._peek() == "(":
            test, named = self._function(value)
        elif kind in ("string", "word"):
            test = _has(value) if sign == ":" else _equals(value)
            named = (value,) if sign == "=" else ()
        else:
            raise self._error("a value")
        return _Term(
            lambda series: test(series.get(key, "")) != (sign == "!="),
            frozenset(named) if key == "metric.type" and named and sign != "!=" else None,
        )

    def _key(self) -> str:
        kind, key = self._take()
        if kind != "word":
            raise self._error("a key")
        if key.endswith("."):  # resource.label."topic_id"
            key += self._take()[1]
        if not _KEY.fullmatch(key):
            raise InvalidArgumentError("filter", self._text, f"not use the key {key!r}")
        key = key.replace(".label.", ".labels.")
        self.keys.add(key)
        return key

    def _function(self, name: str) -> tuple[Callable[[str], bool], tuple[str, ...]]:
        """What it tests, and the whole values that would do."""
        function = _FUNCTIONS.get(name)
        if function is None:
            raise InvalidArgumentError("filter", self._text, f"not use the function {name!r}")
        wanted: list[str] = []
        while self._take()[1] != ")":  # "(" first, then "," after each value
            kind, value = self._take()
            if kind != "string":
                raise self._error("a string")
            wanted.append(value)
        arguments = tuple(wanted)
        whole = arguments if name == "one_of" else ()
        return (lambda value: function(value, arguments)), whole

    def _peek(self) -> str:
        kind, text, _ = self._tokens[self._next]
        return "" if kind == "string" else text

    def _take(self) -> tuple[str, str]:
        kind, text, _ = self._tokens[self._next]
        if kind == "end":
            raise self._error("more")
        self._next += 1
        return kind, text

    def _error(self, wanted: str) -> InvalidArgumentError:
        position = self._tokens[max(0, self._next - 1)][2]
        return InvalidArgumentError(
            "filter", self._text, f"have {wanted} at or after character {position + 1}"
        )


def _tokens(text: str) -> list[tuple[str, str, int]]:
    tokens: list[tuple[str, str, int]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise InvalidArgumentError(
                "filter", text, f"not have what stands at character {position + 1}"
            )
        piece = match[match.lastgroup]
        if match.lastgroup == "string":
            piece = re.sub(r"\\(.)", r"\1", piece[1:-1])
        tokens.append((match.lastgroup, piece, match.start(match.lastgroup)))
        position = match.end()
    tokens.append(("end", "", end))
    return tokens


def _equals(wanted: str) -> Callable[[str], bool]:
    return lambda value: value == wanted


def _has(wanted: str) -> Callable[[str], bool]:
    return lambda value: wanted in value
