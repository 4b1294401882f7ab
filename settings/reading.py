"""Reads tidings.toml, puts secrets from the environment in their places, and tells every mistake at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from model.reasons import ConfigError, Problem
from settings.checks import check
from settings.parts import ConsoleSettings, Limits, OidcSettings, Replies, Routes, RouteWhen, WebhookSettings
from settings.problems import problem
from settings.whole import DEFAULT_FILE, Settings

HOST_VARIABLE = "TIDINGS_HOST"
"""Says where to listen, whatever the file says: an image has to listen to more than itself."""

SETTING_NAMES = {
    name
    for part in (Settings, WebhookSettings, Routes, RouteWhen, Limits, Replies, ConsoleSettings, OidcSettings)
    for name in part.model_fields
}


def load(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the file (defaults when there is none). Raises ConfigError with every problem."""
    said = _read(path)
    path = path or Path(DEFAULT_FILE)
    raw = {**said, "host": environment[HOST_VARIABLE]} if environment.get(HOST_VARIABLE) else said
    problems: list[Problem] = []
    filled = _with_secrets(raw, environment, "", path, problems)
    try:
        settings = Settings.model_validate(filled)
    except ValidationError as error:
        problems += [_explained(path, detail) for detail in error.errors()]
        raise ConfigError(problems) from None
    problems += check(settings, path)
    if problems:
        raise ConfigError(problems)
    return settings


def _read(path: Path | None) -> dict[str, Any]:
    """Read the file as it is; nothing where none was named and the usual one is not there. Raises ConfigError."""
    if path is None:
        path = Path(DEFAULT_FILE)
        if not path.exists():
            return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([problem(path, f"The file cannot be read: {error.strerror}.")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([problem(path, f"This is not TOML: {error}.")]) from None


def _with_secrets(value: Any, environment: Mapping[str, str], key: str, path: Path, problems: list[Problem]) -> Any:
    """Replace every "env:NAME" by the variable; a missing one is a problem."""
    if isinstance(value, dict):
        return {k: _with_secrets(v, environment, f"{key}.{k}".lstrip("."), path, problems) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_secrets(child, environment, key, path, problems) for child in value]
    if isinstance(value, str) and value.startswith("env:"):
        name = value[4:]
        if not environment.get(name):
            problems.append(problem(path, f"{key} wants the environment variable {name}, which is not set."))
        return environment.get(name, "")
    return value


def _explained(path: Path, detail: Any) -> Problem:
    place = _place(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return problem(path, f"There is no setting {place!r}.", str(detail["loc"][-1]), SETTING_NAMES)
    if detail["type"] == "missing":
        return problem(path, f"The setting {place} is missing.")
    if detail["type"] == "value_error":
        return problem(path, f"{place} {detail['msg'].removeprefix('Value error, ')}.")
    return problem(path, f"{place}: {detail['msg']}.")


def _place(steps: Iterable[str | int]) -> str:
    """Write where a setting stands; rows of a list count from 1."""
    return "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
