"""tidings.toml: what the operator decides, read once, checked whole, with each secret in the environment.

Unknown keys are errors with the nearest name; a missing secret refuses to start and names the key.
"""

from settings.parts import (
    GatewaySettings,
    SourceSettings,
    TracingSettings,
)
from settings.reading import HOST_VARIABLE, load
from settings.spans import duration, rate
from settings.whole import DEFAULT_FILE, Settings

__all__ = [
    "DEFAULT_FILE",
    "HOST_VARIABLE",
    "GatewaySettings",
    "Settings",
    "SourceSettings",
    "TracingSettings",
    "duration",
    "load",
    "rate",
]
