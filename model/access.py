"""Who may do what: roles of people, scopes of API keys, and the one list of permissions both are made of."""

from __future__ import annotations

from enum import Enum


class Permission(Enum):
    """What somebody may do. A route of the console or the API names the one it needs."""

    READ = ("read", "See events, texts with masked numbers, rules and figures.")
    NUMBERS = ("numbers", "See whole phone numbers, and export them.")
    RULES = ("rules", "Change, publish and roll back rules.")
    SEND = ("send", "Send, answer, cancel, retry and replay texts; start events by API; prepare campaigns.")
    APPROVE = ("approve", "Approve campaigns that somebody else prepared.")
    CONSENT = ("consent", "Write down who wants texts and who does not.")
    STEER = ("steer", "Pause, pin gateways, connect sources, read and change settings of the running service.")
    ADMIN = ("admin", "Manage people and keys, erase persons, see what people did.")

    def __init__(self, code: str, text: str) -> None:
        self.code, self.text = code, text


class Role(Enum):
    """What a person is here for."""

    VIEWER = ("viewer", "Looks things up.", (Permission.READ,))
    EDITOR = ("editor", "Writes the rules.", (Permission.READ, Permission.RULES))
    SENDER = (
        "sender",
        "Talks to customers.",
        (Permission.READ, Permission.NUMBERS, Permission.SEND, Permission.CONSENT),
    )
    APPROVER = (
        "approver",
        "Lets campaigns go.",
        (Permission.READ, Permission.NUMBERS, Permission.APPROVE),
    )
    ADMIN = ("admin", "Runs the place.", tuple(Permission))

    def __init__(self, code: str, text: str, permissions: tuple[Permission, ...]) -> None:
        self.code, self.text, self.permissions = code, text, frozenset(permissions)

    def may(self, permission: Permission) -> bool:
        """Tell whether somebody in this role may do it."""
        return permission in self.permissions


ROLES = {role.code: role for role in Role}
PERMISSIONS = {permission.code: permission for permission in Permission}
