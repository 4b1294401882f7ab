"""tidings.toml: what the operator decides, read once, checked whole, with each secret in the environment.

Unknown keys are errors with the nearest name; a missing secret refuses to start and names the key.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.reasons import ConfigError, Problem

DEFAULT_FILE = "tidings.toml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Routes(_Part):
    """Which gateways carry a message whose rule names none, in order."""

    order: tuple[str, ...] = ("console",)


class Limits(_Part):
    """How much at once."""

    sender_threads: int = Field(default=16, ge=1, le=512)
    max_body: int = Field(default=1_000_000, ge=1_000, le=20_000_000)


class SourceSettings(BaseModel):
    """One [sources.NAME]: the connector, its secrets, and the connector's own options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    connector: str
    secret: str | tuple[str, ...] = ()
    max_body: int | None = None
    per_second: int = Field(default=0, ge=0)
    poll_every: str = ""
    zone: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """The settings that belong to the connector itself."""
        return dict(self.model_extra or {})


class GatewaySettings(BaseModel):
    """One [gateways.NAME]: the kind and that kind's own options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    per_second: float = Field(default=0, ge=0)

    @property
    def options(self) -> dict[str, Any]:
        """The settings that belong to the gateway itself."""
        return dict(self.model_extra or {})


class Settings(_Part):
    """Everything in tidings.toml. Without a file these defaults run: sink mode, SQLite, the console gateway."""

    mode: Literal["sink", "allowlist", "redirect", "live"] = "sink"
    allow: tuple[str, ...] = ()
    redirect_to: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    database: str = "sqlite:///tidings.db"
    rules: str = "rules/rules.yaml"
    sources: Mapping[str, SourceSettings] = {}
    gateways: Mapping[str, GatewaySettings] = {}
    routes: Routes = Routes()
    limits: Limits = Limits()

    @property
    def address(self) -> str:
        """The address others reach us at."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def rules_path(self) -> Path:
        """The rules file: where we run, else the one that comes with the code."""
        path = Path(self.rules)
        return path if path.exists() or path.is_absolute() else Path(__file__).resolve().parent / self.rules

    @property
    def database_path(self) -> Path:
        """The file of the embedded database."""
        return Path(self.database.removeprefix("sqlite:///"))


def load(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the file (defaults when there is none). Raises ConfigError with every problem."""
    if path is None:
        path = Path(DEFAULT_FILE)
        if not path.exists():
            return Settings()
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([_problem(path, f"The file cannot be read: {error.strerror}.")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([_problem(path, f"This is not TOML: {error}.")]) from None
    problems: list[Problem] = []
    filled = _with_secrets(raw, environment, "", path, problems)
    try:
        settings = Settings.model_validate(filled)
    except ValidationError as error:
        problems += [_explain(path, detail) for detail in error.errors()]
        raise ConfigError(problems) from None
    problems += _check(settings, path)
    if problems:
        raise ConfigError(problems)
    return settings


def duration(text: str) -> timedelta | None:
    """Read "5m", "30s" or "1h"; None for anything else."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    if len(text) < 2 or text[-1] not in units or not text[:-1].isdecimal():
        return None
    return timedelta(seconds=int(text[:-1]) * units[text[-1]])


def _with_secrets(value: Any, environment: Mapping[str, str], key: str, path: Path, problems: list[Problem]) -> Any:
    """Replace every "env:NAME" by the variable; a missing one is a problem."""
    if isinstance(value, dict):
        return {k: _with_secrets(v, environment, f"{key}.{k}".lstrip("."), path, problems) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_secrets(child, environment, key, path, problems) for child in value]
    if isinstance(value, str) and value.startswith("env:"):
        name = value[4:]
        if not environment.get(name):
            problems.append(_problem(path, f"{key} wants the environment variable {name}, which is not set."))
        return environment.get(name, "")
    return value


def _check(settings: Settings, path: Path) -> list[Problem]:
    known = {"console", *settings.gateways}
    problems = [
        _problem(path, f"routes.order names the gateway {name!r}, which is not there.", name, known)
        for name in settings.routes.order
        if name not in known
    ]
    if settings.mode == "redirect" and not settings.redirect_to:
        problems.append(_problem(path, "mode is redirect and redirect_to is missing."))
    if not settings.database.startswith("sqlite:///"):
        problems.append(
            _problem(path, f"database must start with sqlite:///, not {settings.database.split(':')[0]!r}.")
        )
    return problems


def _explain(path: Path, detail: Any) -> Problem:
    place = ".".join(str(step) for step in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return _problem(path, f"There is no setting {place!r}.", str(detail["loc"][-1]), Settings.model_fields)
    if detail["type"] == "missing":
        return _problem(path, f"The setting {place} is missing.")
    return _problem(path, f"{place}: {detail['msg']}.")


def _problem(path: Path, text: str, word: str = "", known: Iterable[str] = ()) -> Problem:
    near = difflib.get_close_matches(word, list(known), n=1) if word else []
    return Problem(path=str(path), line=1, column=1, text=text, hint=f"Did you mean {near[0]}?" if near else "")
