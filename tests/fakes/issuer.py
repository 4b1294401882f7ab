"""An identity provider on this machine: describes itself, gives codes for sign-ins, and signs what it says."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

CLIENT, SECRET = "tidings-console", "not/a real:secret"


class Issuer:
    """One provider. `says` changes its next word, `breaks` an answer."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.says: dict[str, Any] = {}
        self.breaks: dict[str, Response] = {}
        self.algorithm, self.kid, self.published = "ES256", "one", True
        self._codes: dict[str, Mapping[str, str]] = {}
        self._server = make_server("127.0.0.1", 0, Request.application(self._answer), threaded=True)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def lets_in(self, way_out: str, now: datetime, **claims: Any) -> str:
        """Somebody signs in at the address they were sent to; return the address they are sent back to."""
        asked = dict(parse_qsl(urlsplit(way_out).query))
        self.says = {
            "iss": self.address, "aud": asked["client_id"], "sub": "s-1", "nonce": asked["nonce"],
            "iat": int(now.timestamp()), "exp": int(now.timestamp()) + 300, **claims,
        }  # fmt: skip
        self._codes["c0de"] = asked
        return f"{urlsplit(asked['redirect_uri']).path}?code=c0de&state={asked['state']}"

    def _answer(self, request: Request) -> Response:
        if request.path in self.breaks:
            return self.breaks[request.path]
        if request.path == "/.well-known/openid-configuration":
            return _json({
                "issuer": self.address, "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token", "jwks_uri": f"{self.address}/keys",
            })  # fmt: skip
        if request.path == "/keys":
            public = json.loads(ECAlgorithm.to_jwk(self.key.public_key()))
            return _json({"keys": [{**public, "kid": "one", "use": "sig"}] if self.published else []})
        return self._exchange(request)

    def _exchange(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(request.get_data(as_text=True)).items()}
        asked = self._codes.pop(form.get("code", ""), None)
        auth = base64.b64decode(request.headers["Authorization"].split()[1]).decode()
        made = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(made).decode().rstrip("=")
        if auth != f"{CLIENT}:not%2Fa%20real%3Asecret" or asked is None or challenge != asked["code_challenge"]:
            return _json({"error": "invalid_grant"}, 400)
        keys: dict[str, Any] = {"ES256": self.key, "HS256": "a shared secret of thirty-two bytes", "none": None}
        key = keys[self.algorithm]
        return _json({"id_token": jwt.encode(self.says, key, self.algorithm, headers={"kid": self.kid})})


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status=status, mimetype="application/json")
