"""What the columns of a table seem to be, told before anything is read: by their names, and by what stands in them.

The names are those that shops, CRMs and people give columns in a dozen languages; the content decides where a name says
nothing, and says how many of the numbers can be texted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from dispatch.audience import LONGEST_CELL, OURS, ColumnMap
from dispatch.recipient import Candidate, NoRecipient, resolve
from wire.table import NO_FAULTS, Table, bare

LOOKED_AT, SAMPLES, SHOWN = 1_000, 3, 40
WORDS: dict[str, str] = {
    "phone": "mobile mobil mobilnummer mobiltelefon handy handynummer cell cellphone cellular mobilephone gsm sms "
    "portable movil celular telemovel cellulare mobiel komorka mobilni mobiltlf matkapuhelin whatsapp "
    "phone phonenumber telephone telefon telefonnummer tel telefono telefone numerodetelephone telefoon puhelin "
    "telefonszam numertelefonu телефон 电话 手机 電話 msisdn number",
    "first_name": "firstname first vorname givenname prenom nombre nome fornavn fornamn voornaam imie etunimi имя 名",
    "last_name": "lastname surname nachname familyname familienname nom apellido apellidos cognome sobrenome efternavn "
    "efternamn achternaam nazwisko sukunimi фамилия 姓",
    "name": "name fullname customername contactname kunde kundenname client cliente klient 姓名",
    "email": "email mail emailaddress correo courriel epost sahkoposti posta 邮箱",
    "locale": "locale language sprache lang langue idioma lingua taal sprak jezyk kieli язык 语言",
    "country": "country land countrycode laendercode pays pais paese kraj maa страна 国家",
    "consent": "consent optin smsoptin einwilligung zustimmung marketing newsletter consentement consentimiento "
    "consenso toestemming samtykke samtycke zgoda acceptsmarketing smsmarketing",
    "id": "id customerid kundennummer customernumber contactid kundennr numeroclient clientid",
}  # fmt: skip
BY_WORD = {word: means for means, words in WORDS.items() for word in words.split()}
BEST_PHONES = WORDS["phone"].split()
COUNTRY, LOCALE = re.compile(r"[A-Z]{2}"), re.compile(r"[a-z]{2,3}([-_][A-Z]{2})?")
MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}\.[^@\s]{2,}")
BY_CONTENT: dict[str, Callable[[str], bool]] = {
    "email": lambda cell: MAIL.fullmatch(cell) is not None,
    "country": lambda cell: COUNTRY.fullmatch(cell) is not None,
    "locale": lambda cell: LOCALE.fullmatch(cell) is not None,
}
FEWEST_DIGITS = 7


@dataclass(slots=True, kw_only=True)
class Column:
    """One column: what it seems to be ("" for nothing in particular), some cells, how many are filled and textable."""

    name: str
    means: str = ""
    samples: list[str] = field(default_factory=list)
    filled: int = 0
    usable: int = 0
    why: str = ""
    """Why the first cell of those that cannot be texted cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A table at first sight. `looked_at` rows were read; `faults` are (row, why) of those that cannot be read."""

    kind: str
    sheet: str
    sheets: Sequence[str]
    columns: Sequence[Column]
    looked_at: int
    hidden: int
    faults: Sequence[tuple[int, str]]

    @property
    def phones(self) -> list[Column]:
        """Columns that may hold the phone, the best first."""
        found = [column for column in self.columns if column.means in {"phone", "other phone"}]
        return sorted(found, key=lambda column: column.means != "phone")

    def mapping(self, to: Sequence[str], region: str = "") -> ColumnMap:
        """Propose how a rule that looks for the number in `to` can read this table."""
        names = [column.name for column in self.columns]
        phone = next((column.name for column in self.phones), "")
        renames = {
            column.name: column.means
            for column in self.columns
            if column.means not in {"", "phone", "other phone"} and column.means not in names
        }
        has_it = phone in to or not phone
        return ColumnMap(to=to, phone="" if has_it else phone, region=region, rename=renames)


def preview(table: Table, region: str = "", rows: int = LOOKED_AT) -> Preview:
    """Read the first rows of a table and say what its columns seem to be. Raises BadList."""
    columns = [Column(name=name) for name in table.columns]
    cells: list[list[str]] = [[] for _ in columns]
    faults, seen = list[tuple[int, str]](), 0
    for line in islice(table.lines, rows):
        seen += 1
        if line.faults is not NO_FAULTS:
            faults += [(line.row, next(iter(line.faults.values())))][: SAMPLES - len(faults)]
        for kept, cell in zip(cells, line.cells, strict=False):
            kept.append(bare(cell).strip()[:LONGEST_CELL])
    for column, kept in zip(columns, cells, strict=True):
        _look(column, [cell for cell in kept if cell], region)
    _choose(columns)
    return Preview(
        kind=table.kind, sheet=table.sheet, sheets=table.sheets, columns=[one for one in columns if one.name],
        looked_at=seen, hidden=table.hidden, faults=faults,
    )  # fmt: skip


def _look(column: Column, cells: Sequence[str], region: str) -> None:
    """Fill in what the cells of one column tell."""
    column.samples = [cell[:SHOWN] for cell in dict.fromkeys(cells)][:SAMPLES]
    column.filled = len(cells)
    numbers = [cell for cell in cells if sum(map(str.isdigit, cell)) >= FEWEST_DIGITS]
    for cell in numbers:
        column.usable += _why_not(column, cell, region) == ""
    column.means = "" if column.name.startswith(OURS) else _by_name(column.name)
    if column.means == "" and cells and not column.name.startswith(OURS):
        column.means = _by_content(column, cells)
    if column.means == "phone" and column.usable * 4 < column.filled and len(numbers) * 2 < column.filled:
        column.means = ""  # "number" may be anything's
    if column.means == "phone" and not column.why and len(numbers) < len(cells):
        _why_not(column, next(cell for cell in cells if cell not in set(numbers)), region)


def _why_not(column: Column, cell: str, region: str) -> str:
    """Say why a cell cannot be texted, "" where it can; a column remembers the first such reason."""
    found = resolve([Candidate(field="", value=cell)], region)
    why = found.why.removeprefix(": ") if isinstance(found, NoRecipient) else ""
    column.why = column.why or why
    return why


def _by_name(name: str) -> str:
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", name.casefold().replace("ł", "l").replace("ø", "o"))
        if char.isalnum()
    )  # fmt: skip
    if plain in BY_WORD:
        return BY_WORD[plain]
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return next((BY_WORD[word.casefold()] for word in reversed(words) if word.casefold() in BY_WORD), "")


def _by_content(column: Column, cells: Sequence[str]) -> str:
    if column.usable * 10 >= len(cells) * 8:
        return "phone"
    for means, fits in BY_CONTENT.items():
        if sum(map(fits, cells)) * 10 >= len(cells) * 9:
            return means
    return ""


def _choose(columns: Sequence[Column]) -> None:
    """Let each meaning stand once: the phone where most can be texted, of two alike the more mobile name."""
    phones = [column for column in columns if column.means == "phone"]
    phones.sort(key=lambda column: (-_tenths(column), _rank(column.name)))
    for column in phones[1:]:
        column.means = "other phone"
    taken = set[str]()
    for column in columns:
        if column.means in taken and column.means != "other phone":
            column.means = ""
        taken.add(column.means)


def _tenths(column: Column) -> int:
    return column.usable * 10 // max(column.filled, 1) if column.filled else -1


def _rank(name: str) -> int:
    plain = "".join(filter(str.isalnum, name.casefold()))
    return next((at for at, word in enumerate(BEST_PHONES) if word in plain), len(BEST_PHONES))
