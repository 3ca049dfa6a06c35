"""Resource names: `projects/<project>/topics/<id>` and `projects/<project>/subscriptions/<id>`.

Rules of https://docs.cloud.google.com/pubsub/docs/pubsub-basics#resource_names; project ids are
taken more freely, as emulators do.
"""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import TypeVar

from embedded.broker.errors import InvalidArgumentError

DELETED_TOPIC = "_deleted-topic_"
_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,62}")
_LARGEST_PAGE = 1000
_AFTER = "after:"

T = TypeVar("T")


def check(name: str, collection: str) -> str:
    """`name` if it is a well-formed name in `collection` ("topics", "subscriptions", ...)."""
    parts = name.split("/")
    if (
        len(parts) != 4
        or parts[0] != "projects"
        or parts[2] != collection
        or not _PROJECT.fullmatch(parts[1])
        or not _ID.fullmatch(parts[3])
    ):
        kind = f"[{collection}] name"
        raise InvalidArgumentError(kind, f"(name={name})")
    return name


def project_of(name: str) -> str:
    """The project id in a checked resource name."""
    return name.split("/")[1]


def id_of(name: str) -> str:
    """The last part of a resource name."""
    return name.rsplit("/", 1)[-1]


def project(parent: str) -> str:
    """The id in `projects/<id>`."""
    prefix, _, name = parent.partition("/")
    if prefix != "projects" or not _PROJECT.fullmatch(name):
        raise InvalidArgumentError("[projects] name", f"(name={parent})")
    return name


def page(items: Mapping[str, T], size: int, token: str) -> tuple[list[T], str]:
    """One page of `items` in the order of their names, and the token of the next one ("" = last).

    The token is made of the name of the last item given, so that pages stay right while items come
    and go. InvalidArgumentError for one that was never given.
    """
    if size < 0:
        raise InvalidArgumentError("page_size", size, "not be negative")
    last = _opened(token)
    names = sorted(name for name in items if name > last)
    size = min(size or 100, _LARGEST_PAGE)
    chosen = names[:size]
    following = _AFTER + urlsafe_b64encode(chosen[-1].encode()).decode() if names[size:] else ""
    return [items[name] for name in chosen], following


def _opened(token: str) -> str:
    """The name in a page token; "" in none."""
    if not token:
        return ""
    try:
        if token.startswith(_AFTER):
            return b64decode(token.removeprefix(_AFTER), b"-_", validate=True).decode()
    except ValueError:
        pass
    raise InvalidArgumentError("page_token", repr(token), "be one that was given")
