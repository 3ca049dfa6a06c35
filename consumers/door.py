"""The one door to the running runtime, which survives whatever Streamlit does to modules.

A watched file that changes makes Streamlit forget every project module, and any browser may ask it
to clear its caches; both would start a second set of consumers. The registry therefore lives in a
module that has no file, which nobody watches and nobody clears.
"""

import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from consumers.runtime import Runtime

_NAME = "_fusion_process_registry"


class RuntimeMissingError(LookupError):
    """No runtime is open in this process; the server's lifespan opens it."""


class _Registry(ModuleType):
    """What survives: the lock and the one thing it guards."""

    lock: threading.Lock
    runtime: object


def _registry() -> _Registry:
    found = sys.modules.get(_NAME)
    if found is None:
        made = _Registry(_NAME)
        made.lock = threading.Lock()
        made.runtime = None
        found = sys.modules.setdefault(_NAME, made)
    return cast("_Registry", found)


def runtime() -> "Runtime":
    """The runtime of this process; raises RuntimeMissingError when there is none."""
    held = _registry().runtime
    if held is None:
        raise RuntimeMissingError("the control room's runtime is not open in this process")
    return cast("Runtime", held)


def open_runtime(make: "Callable[[], Runtime]") -> "Runtime":
    """The runtime, made and started by the first caller alone."""
    registry = _registry()
    with registry.lock:
        if registry.runtime is None:
            made = make()
            made.start()
            registry.runtime = made
        return cast("Runtime", registry.runtime)


def install(runtime: object) -> None:
    """Put a runtime in place that was started elsewhere; tests put their double here."""
    registry = _registry()
    with registry.lock:
        registry.runtime = runtime


def close_runtime(timeout: float = 6.0) -> None:
    """Stop the runtime, if there is one, and forget it."""
    registry = _registry()
    with registry.lock:
        held, registry.runtime = registry.runtime, None
    if held is not None:
        cast("Runtime", held).stop(timeout)
