"""The errors of core.

CoreError
├── FieldError    one value that came in cannot be used; the field is named
└── PolicyError   a policy contradicts itself; every fault is named at once
"""


class CoreError(ValueError):
    """Everything core raises on purpose."""


class FieldError(CoreError):
    """A value that came in cannot be used: which field, and why, in words for its sender."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}"


class PolicyError(CoreError):
    """A policy cannot be applied: all its faults, one sentence each."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "; ".join(self.faults)
