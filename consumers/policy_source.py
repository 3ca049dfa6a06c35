"""The policy from a TOML file."""

from pathlib import Path

from core.errors import PolicyError
from core.policy import Policy
from core.policy_text import policy_from_text


def load_policy(path: Path) -> Policy:
    """Read and check a policy. Raises PolicyError with every fault, each naming the file."""
    try:
        return policy_from_text(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise PolicyError((f"{path}: {error.strerror or error}",)) from None
    except UnicodeDecodeError:
        raise PolicyError((f"{path}: is not UTF-8 text",)) from None
    except PolicyError as error:
        raise PolicyError(tuple(f"{path}: {fault}" for fault in error.faults)) from None
