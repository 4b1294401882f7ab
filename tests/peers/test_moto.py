"""The gateway aws_sns against moto's SNS, which keeps what it was asked to send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import gateways
from certify.samples import submission
from gateways.base import Gateway
from model.sending import Outcome
from tests.fakes.service import free_port
from tests.peers.processes import PYTHON, needs, process
from wire.http import Call, Client

pytestmark = needs(PYTHON / "moto_server")
TEXT = "Hi Zoë, Привет 👋 {{ to }} & more"


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with process(
        [PYTHON / "moto_server", "-H", "127.0.0.1", "-p", str(port)], tmp_path_factory.mktemp("moto"), port=port
    ):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def sns(moto: str) -> Gateway:
    Client().send(Call(method="POST", url=f"{moto}/moto-api/reset"))
    settings = {"access_key_id": "test", "secret_access_key": "test", "region": "eu-central-1", "base_url": moto}
    return gateways.build("aws_sns", "sns", settings)


def kept(moto: str) -> list[tuple[str, str]]:
    found = Client().send(Call(method="GET", url=f"{moto}/moto-api/data.json")).json()
    return [(row["phone_number"], row["message"]) for row in found["sns"].get("SMS", [])]


def test_sns_keeps_the_text_letter_by_letter(sns: Gateway, moto: str) -> None:
    result = sns.submit(submission(text=TEXT, encoding="ucs2"))

    assert (result.outcome, bool(result.provider_id)) == (Outcome.ACCEPTED, True)
    assert kept(moto) == [("+447700900123", TEXT)]


@pytest.mark.parametrize("changes", [{"to": "not-a-number"}, {"text": "x" * 1601}])
def test_what_sns_refuses_is_refused_and_not_repeated(sns: Gateway, moto: str, changes: dict[str, str]) -> None:
    result = sns.submit(submission(**changes))

    assert result.outcome is Outcome.REJECTED
    assert kept(moto) == []
