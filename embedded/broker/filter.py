r"""The filters of subscriptions: which messages they want, by their attributes.

https://docs.cloud.google.com/pubsub/docs/subscription-message-filter#filtering_syntax :

    attributes:KEY                        the message has this attribute
    attributes.KEY = "v"                  ... with exactly this value
    attributes.KEY != "v"                 it does not; a message without the attribute fits too
    hasPrefix(attributes.KEY, "v")        ... with a value that begins so

joined by AND or by OR (both only with parentheses), negated by NOT or `-`. Keywords, keys and
values go by case. A KEY of other characters than letters, digits, `_` and `-` is quoted; in quotes
`\\`, `\"`, `\n` and the like, `\x41`, `\101`, `\u0041` and `\U00000041` are escapes.
"""

import re
from collections.abc import Callable, Mapping

from embedded.broker.errors import InvalidArgumentError

Predicate = Callable[[Mapping[str, str]], bool]

_LONGEST = 256
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<sign>!=|[=:.,()-])|(?P<word>[A-Za-z0-9_][A-Za-z0-9_-]*)"""
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})|(.))", re.DOTALL
)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPED |= {same: same for same in "\\\"'`?"}
_END = "the end"


def compiled(text: str) -> Predicate:
    """What tells from a message's attributes whether the filter `text` lets it through.

    InvalidArgumentError says what is wrong with the text, and where.
    """
    size = len(text.encode())
    if size > _LONGEST:
        raise InvalidArgumentError("filter length", size, f"be at most {_LONGEST} bytes")
    return _Parser(text).whole()


class _Parser:
    """Recursive descent over the tokens (kind, text as it stands there, position)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = 0

    def whole(self) -> Predicate:
        """The predicate of the whole text."""
        predicate = self._joined()
        if self._peek() != _END:
            raise self._error("AND, OR or the end")
        return predicate

    def _joined(self) -> Predicate:
        """Terms with AND between them, or with OR, but not both."""
        terms, joint = [self._term()], self._peek()
        while self._peek() in ("AND", "OR"):
            if self._peek() != joint:
                raise self._error("parentheses where AND and OR meet")
            self._next += 1
            terms.append(self._term())
        if len(terms) == 1:
            return terms[0]
        if joint == "AND":
            return lambda attributes: all(term(attributes) for term in terms)
        return lambda attributes: any(term(attributes) for term in terms)

    def _term(self) -> Predicate:
        if self._peek() in ("NOT", "-"):
            self._next += 1
            negated = self._term()
            return lambda attributes: not negated(attributes)
        if self._peek() == "(":
            self._next += 1
            inner = self._joined()
            self._expect(")")
            return inner
        if self._peek() == "hasPrefix":
            return self._prefix()
        return self._comparison()

    def _prefix(self) -> Predicate:
        self._next += 1
        self._expect("(")
        self._expect("attributes")
        self._expect(".")
        key = self._key()
        self._expect(",")
        prefix = self._string("a value in double quotes")
        self._expect(")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _comparison(self) -> Predicate:
        self._expect("attributes", "attributes, hasPrefix, NOT or a parenthesis")
        if self._peek() == ":":
            self._next += 1
            key = self._key()
            return lambda attributes: key in attributes
        self._expect(".", '":" or "." after attributes')
        key = self._key()
        sign = self._peek()
        if sign not in ("=", "!="):
            raise self._error("= or !=")
        self._next += 1
        value = self._string("a value in double quotes")
        if sign == "=":
            return lambda attributes: attributes.get(key) == value
        return lambda attributes: attributes.get(key) != value

    def _key(self) -> str:
        kind, piece, _ = self._tokens[self._next]
        if kind == "word":
            self._next += 1
            return piece
        return self._string("a key")

    def _string(self, wanted: str) -> str:
        kind, piece, _ = self._tokens[self._next]
        if kind != "string":
            raise self._error(wanted)
        try:
            unescaped = _ESCAPE.sub(_unescaped, piece[1:-1])
            unescaped.encode()
        except (ValueError, KeyError, OverflowError):  # of a lone surrogate, of no character at all
            raise self._error("only known escapes in its strings") from None
        self._next += 1
        return unescaped

    def _expect(self, wanted: str, said: str = "") -> None:
        if self._peek() != wanted:
            raise self._error(said or wanted)
        self._next += 1

    def _peek(self) -> str:
        """The next token as it stands in the text, so that a string is never taken for a word."""
        return self._tokens[self._next][1]

    def _error(self, wanted: str) -> InvalidArgumentError:
        _, found, position = self._tokens[self._next]
        return InvalidArgumentError(
            "filter", self._text, f"have {wanted} at character {position + 1}, where {found} is"
        )


def _tokens(text: str) -> list[tuple[str, str, int]]:
    tokens: list[tuple[str, str, int]] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise InvalidArgumentError(
                "filter", text, f"not have what stands at character {position + 1}"
            )
        tokens.append((match.lastgroup, match[0], position))
        position = match.end()
    tokens.append(("end", _END, position))
    return tokens


def _unescaped(match: re.Match[str]) -> str:
    *hexadecimal, octal, single = match.groups()
    for digits in hexadecimal:
        if digits:
            return chr(int(digits, 16))
    return chr(int(octal, 8)) if octal else _ESCAPED[single]
