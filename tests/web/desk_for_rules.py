"""The house with a rules file that can be changed from the console, and its first version on record."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Flask
from flask.testing import FlaskClient

from advice import advise
from audit import versions
from model.reasons import ConfigError
from rules.files import files_of
from rules.load import load
from tests.web.house import House
from web.app import build
from web.desk import Desk, Editing


@dataclass(slots=True)
class Office:
    """Follows the file as app.Tidings does."""

    house: House

    def __post_init__(self) -> None:
        self._remember("start")

    @property
    def desk(self) -> Desk:
        return replace(
            self.house.desk, editing=Editing(path=self.house.folder / "rules.yaml", advise=advise, follow=self.follow)
        )

    def app(self) -> Flask:
        return build(self.desk)

    def client(self) -> FlaskClient:
        return self.app().test_client()

    def follow(self, actor: str) -> bool:
        try:
            book = load(self.house.folder / "rules.yaml")
        except ConfigError:
            return False
        if book.hash != self.house.worker.book.hash:
            self.house.worker.book = book
            self._remember(actor)
        return True

    def _remember(self, actor: str) -> None:
        house = self.house
        files = files_of(house.folder / "rules.yaml")
        house.store.write(lambda tx: versions.put_in_force(tx, house.worker.book.hash, files, actor, "", house.now))
