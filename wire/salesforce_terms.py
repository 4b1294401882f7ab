"""What can be said of a Salesforce session without the library it stands on, which only a source of it is to load."""

from __future__ import annotations

LOGIN_SETTINGS = (
    "username",
    "password",
    "security_token",
    "consumer_key",
    "consumer_secret",
    "privatekey_file",
    "domain",
)


class Failed(Exception):  # noqa: N818 - names the outcome
    """Salesforce did not answer with records. `code` is its error code or a class name; never a body or a secret."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Salesforce: {code}")
        self.code = code
