"""The only reader of the environment: what may be set, its bounds, and what is wrong with it."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    AwareDatetime,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from consumers import replica
from consumers.policy_source import load_policy
from core.errors import PolicyError
from core.policy import Policy, Status

EMBEDDED_PROJECT = "fusion-local"
POSITIONS = "SELECT user_id, side, asset, amount FROM positions"
_ADDRESS = re.compile(r"^[A-Za-z0-9.\-]+:\d{1,5}$|^\[[0-9A-Fa-f:]+\]:\d{1,5}$")
_RESOURCE = re.compile(r"^[A-Za-z][A-Za-z0-9._~%+-]{2,254}$")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class SettingsError(ValueError):
    """Settings that cannot be used; `faults` has one line for each, naming the variable."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


class Settings(BaseSettings):
    """Everything that can be configured. Names the platform already used are kept as they were.

    Seconds are wall seconds. Every field is read from the environment variable of its alias.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    project: str = Field(EMBEDDED_PROJECT, alias="GCP_PROJECT")
    emulator_host: str | None = Field(None, alias="PUBSUB_EMULATOR_HOST")
    price_subscription: str = Field("risk-engine-prices-consumer", alias="PRICE_SUBSCRIPTION")
    alert_subscription: str = Field("alert-notification-service", alias="ALERT_SUBSCRIPTION")

    environment: Literal["embedded", "dev", "prod"] = Field("embedded", alias="FUSION_ENVIRONMENT")
    host: str = Field("127.0.0.1", alias="FUSION_HOST")
    port: int = Field(8501, ge=0, le=65535, alias="FUSION_PORT")
    data_dir: Path = Field(Path("var"), alias="FUSION_DATA_DIR")
    book_path: Path | None = Field(None, alias="FUSION_BOOK")
    book_url: SecretStr | None = Field(None, alias="FUSION_BOOK_URL")
    book_query: str = Field(POSITIONS, min_length=1, alias="FUSION_BOOK_QUERY")
    book_as_of: AwareDatetime | None = Field(None, alias="FUSION_BOOK_AS_OF")
    policy_path: Path | None = Field(None, alias="FUSION_POLICY")
    replica: str | None = Field(None, pattern=r"^[a-z0-9]{1,12}$", alias="FUSION_REPLICA")
    subscriptions: str = Field("", alias="FUSION_SUBSCRIPTIONS")

    price_interval_s: float = Field(2.0, ge=0.05, le=3600, alias="FUSION_PRICE_INTERVAL_S")
    price_cadence_s: float | None = Field(None, ge=0.05, le=86400, alias="FUSION_PRICE_CADENCE_S")
    settlement_interval_s: float = Field(
        7.0, ge=0.05, le=86400, alias="FUSION_SETTLEMENT_INTERVAL_S"
    )
    backlog_period_s: float | None = Field(None, ge=0.5, le=600, alias="FUSION_BACKLOG_PERIOD_S")
    cloud_delays: bool = Field(False, alias="FUSION_CLOUD_DELAYS")
    hysteresis_points: float = Field(0.5, ge=0, le=10, alias="FUSION_HYSTERESIS_POINTS")
    reminder_liquidation_s: float = Field(
        3600, ge=10, le=86400, alias="FUSION_REMINDER_LIQUIDATION_S"
    )
    reminder_margin_call_s: float = Field(
        14400, ge=10, le=604800, alias="FUSION_REMINDER_MARGIN_CALL_S"
    )
    test_alert_timeout_s: float = Field(10, ge=1, le=300, alias="FUSION_TEST_ALERT_TIMEOUT_S")
    test_alerts_per_minute: int = Field(3, ge=1, le=60, alias="FUSION_TEST_ALERTS_PER_MINUTE")
    price_history_hours: float = Field(24, ge=0.1, le=8760, alias="FUSION_PRICE_HISTORY_HOURS")
    price_history_days: float = Field(30, ge=0.01, le=3650, alias="FUSION_PRICE_HISTORY_DAYS")
    event_history_days: float = Field(400, ge=1, le=36500, alias="FUSION_EVENT_HISTORY_DAYS")
    delivery_history_days: float = Field(60, ge=15, le=36500, alias="FUSION_DELIVERY_HISTORY_DAYS")
    journal_max_mb: int = Field(4096, ge=16, le=1_048_576, alias="FUSION_JOURNAL_MAX_MB")

    market: Literal["calm", "crash"] = Field("calm", alias="FUSION_MARKET")
    market_seed: int = Field(7, ge=0, le=2**32 - 1, alias="FUSION_MARKET_SEED")
    accounts: int = Field(1000, ge=10, le=1_000_000, alias="FUSION_ACCOUNTS")
    replay_file: Path | None = Field(None, alias="FUSION_REPLAY")
    replay_speed: float = Field(3600.0, gt=0, le=1_000_000, alias="FUSION_REPLAY_SPEED")

    otel: bool = Field(False, alias="FUSION_OTEL")
    otel_endpoint: str = Field(
        "http://127.0.0.1:4318", pattern=r"^https?://\S+$", alias="OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    metrics_port: int | None = Field(None, ge=1, le=65535, alias="FUSION_METRICS_PORT")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", alias="FUSION_LOG_LEVEL"
    )

    _rules: Policy | None = PrivateAttr(None)

    @classmethod
    def settings_customise_sources(  # the environment comes in as an argument, not from os.environ
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` hands over counts."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("emulator_host")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is not None and not _ADDRESS.match(value):
            raise ValueError("must be host:port, such as 127.0.0.1:8085")
        return value

    @field_validator("project", "price_subscription", "alert_subscription")
    @classmethod
    def _resource(cls, value: str) -> str:
        if not _RESOURCE.match(value):
            raise ValueError(
                "must be 3 to 255 of letters, digits and -._~%+, beginning with a letter"
            )
        return value

    @field_validator("price_subscription", "alert_subscription")
    @classmethod
    def _not_a_control_rooms(cls, value: str) -> str:
        if value.startswith(replica.OWN_PREFIX):
            raise ValueError("belongs to a control room: a worker would take its messages away")
        return value

    @field_validator("subscriptions")
    @classmethod
    def _own_subscriptions(cls, value: str) -> str:
        replica.given(value)
        return value

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, value: str) -> str:
        if value not in _LOOPBACK:
            raise ValueError(
                "must be loopback (127.0.0.1, ::1 or localhost): there is no sign-in yet"
            )
        return value

    @property
    def replica_name(self) -> str:
        """What tells this process apart from its like; made once for each data directory."""
        return self.replica or replica.named(self.data_dir)

    @property
    def own_subscriptions(self) -> Mapping[str, str]:
        """Feed -> the subscription that was made for it; other feeds make and delete their own."""
        return replica.given(self.subscriptions)

    @property
    def embedded(self) -> bool:
        """True where a local broker (ours or Google's emulator) stands in for the cloud."""
        return self.emulator_host is not None

    @property
    def cadence(self) -> timedelta:
        """How often a price of each asset is expected; a message's own `cadence_s` wins over it."""
        if self.price_cadence_s is not None:
            return timedelta(seconds=self.price_cadence_s)
        return timedelta(seconds=self.price_interval_s if self.environment == "embedded" else 30.0)

    @property
    def backlog_period(self) -> timedelta:
        """How often Monitoring is asked: a minute in the cloud, whose samples are 60 s apart."""
        return timedelta(seconds=self.backlog_period_s or (3.0 if self.embedded else 60.0))

    @property
    def policy(self) -> Policy:
        """The rules every worker and page of this process judges by.

        Where a file is named they are the file's, its hysteresis and its reminders too.
        """
        return self._rules or Policy(
            hysteresis=Decimal(str(self.hysteresis_points)),
            reminder={
                Status.LIQUIDATION: timedelta(seconds=self.reminder_liquidation_s),
                Status.MARGIN_CALL: timedelta(seconds=self.reminder_margin_call_s),
            },
        )

    @property
    def demo_book(self) -> bool:
        """Whether a book is made up where there is none."""
        named = self.book_path is not None or self.book_url is not None
        return self.environment == "embedded" and not named

    @property
    def book(self) -> Path:
        """The file of positions, where no database is named."""
        return self.book_path or self.data_dir / "book.csv"

    def public(self) -> dict[str, str]:
        """Every setting as text by its variable's name, secrets masked; safe to show."""
        shown = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            shown[str(field.alias)] = "" if value is None else str(value)  # a secret shows stars
        return shown


def load(env: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from the environment (or `env`), then `overrides` by field name (None: not set).

    Raises SettingsError with one line per fault, `VARIABLE=value: what is wrong`.
    """
    source = os.environ if env is None else env
    values: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        alias = str(field.alias)
        if source.get(alias, "") != "":
            values[alias] = source[alias]
        if overrides.get(name) is not None:
            values[alias] = overrides[name]
    faults = _reminder_faults(values)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        faults = [*(_fault(dict(e)) for e in error.errors()), *faults]
    else:
        faults += _policy_faults(settings)
    if faults:
        raise SettingsError(tuple(faults))
    return settings


def _policy_faults(settings: Settings) -> list[str]:
    """Read the policy's file, once; every fault of it, a line each."""
    if settings.policy_path is None:
        return []
    try:
        settings._rules = load_policy(settings.policy_path)  # noqa: SLF001 - its own module
    except PolicyError as error:
        return [f"FUSION_POLICY={fault}" for fault in error.faults]
    return []


def _reminder_faults(values: Mapping[str, Any]) -> list[str]:
    """The graver band must be reminded of at least as often; checked whatever else is wrong."""
    names = ("FUSION_REMINDER_LIQUIDATION_S", "FUSION_REMINDER_MARGIN_CALL_S")
    defaults = {str(f.alias): f.default for f in Settings.model_fields.values()}
    try:
        graver, milder = (float(values.get(name, defaults[name])) for name in names)
    except (TypeError, ValueError):
        return []  # named as a fault of its own
    if graver <= milder:
        return []
    return [f"{names[0]}={graver:g}: must not exceed {names[1]}={milder:g}"]


def _fault(error: dict[str, Any]) -> str:
    """One line for one fault; a secret's value is never repeated."""
    text = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return text
    name = str(error["loc"][0])
    secret = any(word in name for word in ("TOKEN", "SECRET", "URL"))
    shown = "" if secret else f"={error['input']}"
    return f"{name}{shown}: {text[:1].lower()}{text[1:]}"
