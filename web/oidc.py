"""OpenID Connect: an identity provider vouches for people. Authorization code flow with PKCE, state and nonce.

OpenID Connect Core 1.0 sections 3.1.2 and 3.1.3.7, RFC 7636, RFC 9700 (read 2026-11-23). The provider's description and
keys are read at each sign-in: that is rare, and a changed key is never a surprise. The library for signed tokens comes
with the extra `oidc`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from audit import people
from audit.people import Newcomer, Person, Unfit
from audit.store import Tx
from model.access import ROLES, Role
from web.desk import Provider
from wire.http import Call, Client, NotSent, Reply, Unclear

LASTS = timedelta(minutes=10)
SKEW = timedelta(minutes=1)
"""How far the provider's clock may be off."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Signatures by a key pair; those by a shared secret would let whoever knows it vouch for anybody."""
ACTOR = "identity provider"


class Untrusted(Exception):  # noqa: N818 - names the state
    """The provider's word is not enough. Its text is a sentence for the person who wants to come in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What we sent a browser away with, to know it again when it comes back."""

    state: str
    nonce: str
    verifier: str
    onward: str
    until: float


def errand(onward: str, now: datetime) -> Errand:
    """Begin a sign-in that leads to the provider and then to `onward`."""
    return Errand(
        state=secrets.token_urlsafe(24), nonce=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48),
        onward=onward, until=(now + LASTS).timestamp(),
    )  # fmt: skip


def packed(kept: Errand, key: bytes) -> str:
    """Write an errand for a cookie, so that nobody else can."""
    body = base64.urlsafe_b64encode(json.dumps(asdict(kept)).encode()).decode()
    return f"{body}.{_seal(body, key)}"


def unpacked(text: str, key: bytes, now: datetime) -> Errand:
    """Read an errand back. Raises Untrusted."""
    body, _, seal = text.partition(".")
    if not hmac.compare_digest(_seal(body, key).encode(), seal.encode("utf-8", "replace")):
        raise Untrusted("This browser did not begin to sign in here, or the service was started again meanwhile.")
    found = Errand(**json.loads(base64.urlsafe_b64decode(body)))
    if now.timestamp() >= found.until:
        raise Untrusted("Signing in took longer than ten minutes. Begin anew.")
    return found


def described(client: Client, provider: Provider) -> Mapping[str, Any]:
    """Read the provider's description of itself. Raises Untrusted."""
    found = _json(_asked(client, Call(method="GET", url=_well_known(provider.issuer))), "description")
    if found.get("issuer") != provider.issuer:
        raise Untrusted("The identity provider calls itself by another name than the settings do.")
    return found


def way_out(about: Mapping[str, Any], provider: Provider, back: str, kept: Errand) -> str:
    """Return the provider's address at which somebody signs in."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(kept.verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code", "client_id": provider.client_id, "redirect_uri": back, "scope": "openid profile email",
        "state": kept.state, "nonce": kept.nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    address = str(about.get("authorization_endpoint", ""))
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


def claims(client: Client, provider: Provider, code: str, back: str, kept: Errand, now: datetime) -> Mapping[str, Any]:
    """Exchange a code for what the provider says of a person. Raises Untrusted."""
    about = described(client, provider)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": kept.verifier}
    # RFC 6749 section 2.3.1: both are form-encoded before they become a user name and a password.
    auth = quote(provider.client_id, safe=""), quote(provider.client_secret, safe="")
    answer = _json(
        _asked(client, Call(method="POST", url=str(about.get("token_endpoint", "")), form=form, auth=auth)), "answer"
    )
    keys = _json(_asked(client, Call(method="GET", url=str(about.get("jwks_uri", "")))), "keys")
    said = _verified(str(answer.get("id_token", "")), keys, provider)
    if not hmac.compare_digest(str(said.get("nonce", "")).encode(), kept.nonce.encode()):
        raise Untrusted("The identity provider's word belongs to another sign-in.")
    if _number(said, "exp") <= (now - SKEW).timestamp() or _number(said, "iat") >= (now + SKEW).timestamp():
        raise Untrusted("The identity provider's word is out of date; look at the clocks of both machines.")
    return said


def person_of(tx: Tx, provider: Provider, said: Mapping[str, Any], now: datetime) -> Person:
    """Return whom the provider means, adding or changing them where its groups give a role. Raises Untrusted."""
    subject, role = f"{provider.issuer} {said['sub']}", _role(provider, said)
    if provider.roles and role is None:
        raise Untrusted("None of your groups has a role here.")
    person = people.with_subject(tx, subject)
    try:
        if person is None:
            person = _bound(tx, provider, said, role, now)
            people.bind(tx, person, subject, now)
        if role is not None:
            person = people.set_role(tx, person.name, role, ACTOR, now)
    except Unfit as error:
        raise Untrusted(str(error)) from None
    if person.disabled_at is not None:
        raise Untrusted("Your account here is closed.")
    return person


def _bound(tx: Tx, provider: Provider, said: Mapping[str, Any], role: Role | None, now: datetime) -> Person:
    """Return somebody who comes for the first time: added before without a password, or added now."""
    name = said.get(provider.name_claim)
    if not isinstance(name, str) or not name:
        raise Untrusted(f"The identity provider does not say your {provider.name_claim}.")
    if provider.name_claim == "email" and said.get("email_verified") is not True:
        raise Untrusted("The identity provider has not verified your address.")
    person = people.find(tx, name)
    if person is None and role is not None:
        return people.add(tx, Newcomer(name=name, role=role, password="", new=False, actor=ACTOR), now)
    if person is None or person.subject or person.password:
        raise Untrusted("Nobody of that name may come in this way. Ask an admin to add you without a password.")
    return person


def _role(provider: Provider, said: Mapping[str, Any]) -> Role | None:
    """Return the role with the most permissions among those of somebody's groups."""
    groups = said.get(provider.groups_claim, ())
    listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    found = [ROLES[provider.roles[group]] for group in listed if isinstance(group, str) and group in provider.roles]
    return max(found, key=lambda role: len(role.permissions), default=None)


def _verified(token: str, keys: Mapping[str, Any], provider: Provider) -> Mapping[str, Any]:
    import jwt  # noqa: PLC0415 - the extra `oidc`, and only who signs in this way needs it

    try:
        header = jwt.get_unverified_header(token)
        key = _key(jwt, keys, str(header.get("kid", "")))
        said: dict[str, Any] = jwt.decode(
            token, key, algorithms=ALGORITHMS, audience=provider.client_id, issuer=provider.issuer,
            # Times are held against our own clock by whoever asked.
            options={"require": ["exp", "iat", "iss", "aud", "sub"], "verify_exp": False, "verify_iat": False},
        )  # fmt: skip
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise Untrusted(f"The identity provider's word does not hold: {type(error).__name__}.") from None
    if said.get("azp", provider.client_id) != provider.client_id:
        raise Untrusted("The identity provider's word was given to another program.")
    return said


def _key(jwt: Any, keys: Mapping[str, Any], kid: str) -> Any:
    listed = keys.get("keys")
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and one.get("use", "sig") == "sig" and (not kid or one.get("kid") == kid):
            return jwt.PyJWK(one).key
    raise Untrusted("The identity provider signed with a key it does not publish.")


def _asked(client: Client, call: Call) -> Reply:
    try:
        return client.send(call)
    except (NotSent, Unclear) as error:
        raise Untrusted(f"The identity provider does not answer ({error}). Try again in a minute.") from None


def _json(reply: Reply, what: str) -> Mapping[str, Any]:
    found = reply.json()
    if reply.status != 200 or not isinstance(found, dict):
        raise Untrusted(f"The identity provider's {what} cannot be read (status {reply.status}).")
    return found


def _number(said: Mapping[str, Any], name: str) -> float:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Untrusted("The identity provider's word has no proper time.")
    return float(value)


def _well_known(issuer: str) -> str:
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def _seal(body: str, key: bytes) -> str:
    return hmac.new(key, b"oidc:" + body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
