"""One page per connector in docs/connectors/, made from the connectors themselves.

`python -m docs.connector_pages` writes them anew (`make format` does); with --check it names those that are old.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import connectors
from connectors.base import Connector, PolledOnly
from docs.generate import markdown
from model.event import EVENT_TYPES
from wire.signatures import Hmac, Token

FOLDER = Path(__file__).parent / "connectors"
UNSURE = re.compile(r"(?:[^.\n]|\.(?![\s]))*\b[Nn]ot confirmed\b(?:[^.]|\.(?!\s|$))*\.", re.DOTALL)
CANNOT = {
    "poll": "It cannot be polled: what it tells while Tidings is away comes only if it tries again by itself.",
    "refresh": "It cannot be asked again before a text leaves: a rule's `recheck` has no effect.",
    "write_back": "What people answer cannot be written into its records.",
}
EVERY = "<!-- Made by python -m docs.connector_pages; edit the connector instead. -->"


def page(name: str) -> str:
    """Write the page of one connector."""
    kind = connectors.load(name)
    return "\n".join([EVERY, "", *_lines(kind)]).rstrip("\n") + "\n"


def pages() -> dict[Path, str]:
    """Return every page there has to be."""
    return {FOLDER / f"{name}.md": page(name) for name in connectors.names()}


def outdated() -> list[Path]:
    """Return the pages that are missing, old, or of connectors that are gone."""
    wanted = pages()
    there = set(FOLDER.glob("*.md")) if FOLDER.exists() else set()
    old = [path for path, text in wanted.items() if path not in there or path.read_text("utf-8") != text]
    return sorted({*old, *(there - set(wanted))})


def write() -> list[Path]:
    """Bring every page up to date; return those that were not."""
    wanted, changed = pages(), outdated()
    FOLDER.mkdir(exist_ok=True)
    for path in changed:
        if path in wanted:
            path.write_text(wanted[path], "utf-8")
        else:
            path.unlink()
    return changed


def _lines(kind: type[Connector]) -> Iterator[str]:
    yield f"# {kind.title}\n"
    first = markdown.first_line(kind)
    yield f'`connector = "{kind.name}"`, {kind.category}. {first} Vendor\'s page: <{kind.docs_url}>.\n'
    yield f"{_ways(kind)}\n"
    yield "[All connectors](../connectors.md)\n"
    if kind.setup:
        yield "## Set-up\n"
        yield "\n".join(f"{number}. {step}" for number, step in enumerate(kind.setup, 1)) + "\n"
    yield f"`tidings sources add NAME --connector {kind.name}` asks for each setting and writes `tidings.toml`.\n"
    yield "## Proof\n"
    yield f"{_proof(kind)}\n"
    yield f"{_subscribing(kind)}\n"
    yield from _events(kind)
    if asked := getattr(kind, "audience_query", ""):
        yield "## People for campaigns\n"
        yield f"`tidings campaigns read RULE --source NAME --query ...` takes a query; {asked.replace('<', '&lt;')}.\n"
    if kind.options:
        yield "## Settings\n"
        rows = [markdown.option_row(name, one) for name, one in kind.options.items()]
        yield markdown.table(("Setting", "Means", "Default"), rows)
    yield from _limits(kind)


def _ways(kind: type[Connector]) -> str:
    said = [] if issubclass(kind, PolledOnly) else ["is told by webhook"]
    words = {"poll": "polls", "lookup": "looks up what an event leaves out",
             "refresh": "asks again before a text leaves",
             "write_back": "writes back what people answer", "audience": "gives the people of campaigns",
             "consume": "reads a message bus"}  # fmt: skip
    said += [word for method, word in words.items() if hasattr(kind, method)]
    suits = getattr(kind, "poll_every", "")
    every = f' It polls where `poll_every` is set; "{suits}" suits it.' if suits else ""
    return f"Tidings {', '.join(said)}.{every}"


def _proof(kind: type[Connector]) -> str:
    if issubclass(kind, PolledOnly) or hasattr(kind, "consume"):
        return "It posts nothing, so whatever is posted in its name is refused."
    if kind.verify is not Connector.verify:
        said = inspect.cleandoc(kind.verify.__doc__ or "").splitlines()[0]
        return f"{said} {_scheme(kind)}".strip()
    return _scheme(kind) or "As its settings say."


def _scheme(kind: type[Connector]) -> str:
    scheme = getattr(kind, "scheme", None)
    if isinstance(scheme, Hmac):
        what = "HMAC" if scheme.keyed else "digest"
        window = f", not older than {scheme.past}" if scheme.past else ""
        return (
            f"Header `{scheme.header}`: {what} {scheme.digest.upper()} in {scheme.encoding} over `{scheme.signed}`"
            f"{window}."
        )
    if isinstance(scheme, Token):
        if scheme.query:
            return f"The secret stands in the address: `?{scheme.query}=`."
        if scheme.header or scheme.kind != "plain":
            return f"Header `{scheme.header or 'authorization'}`, {scheme.kind} credentials."
    return ""


def _subscribing(kind: type[Connector]) -> str:
    if hasattr(kind, "subscriptions"):
        return (
            "Its webhooks can be made and kept: `tidings sources subscribe NAME` makes them; `subscribe = true` "
            "in the source looks after them every hour. Its key must then be allowed to write webhooks."
        )
    if "notification_url" in kind.options and hasattr(kind, "poll"):
        return "Its poll makes the subscription and renews it before it ends, once `notification_url` is set."
    if issubclass(kind, PolledOnly) or hasattr(kind, "consume"):
        return ""
    return "Its webhooks are set up by hand, and Tidings does not see when the system switches them off."


def _events(kind: type[Connector]) -> Iterator[str]:
    yield "## Events\n"
    if kind.event_types is EVENT_TYPES:
        yield "Any of the [normalised events](../connectors.md#normalised-events), and `custom.<name>`.\n"
    else:
        rows = [(f"`{ours}`", said) for ours, said in kind.event_types.items()]
        yield markdown.table(("Event", "Comes from"), rows)
    if fields := _fields(kind.fields):
        yield "## Fields\n"
        yield markdown.table(("Field", "Kind", "Means", "In"), fields)


def _fields(by_type: Mapping[str, Mapping[str, tuple[str, str]]]) -> list[tuple[str, ...]]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for event_type, fields in by_type.items():
        for name, (kind, said) in fields.items():
            found.setdefault((name, kind, said), []).append(event_type)
    everywhere = set(by_type)
    return [
        (f"`{name}`", kind, said, "all" if set(types) == everywhere else markdown.families(types))
        for (name, kind, said), types in found.items()
    ]


def _limits(kind: type[Connector]) -> Iterator[str]:
    yield "## Limits\n"
    cannot = [said for method, said in CANNOT.items() if not hasattr(kind, method)]
    own = [f"{kind.provider_texts} Switch one of the two off." if kind.provider_texts else "", *kind.limits]
    yield "\n".join(f"- {limit}" for limit in [*filter(None, own), *cannot]) + "\n"
    if unsure := unconfirmed(kind):
        yield "## Not confirmed\n"
        yield "\n".join(f"- {one}" for one in unsure) + "\n"


def unconfirmed(kind: type[Connector]) -> list[str]:
    """Return what the connector's own file says that nobody has confirmed."""
    source = inspect.getsourcefile(kind)
    said = ast.get_docstring(ast.parse(Path(source).read_text("utf-8"))) if source else ""
    return [" ".join(found.split()) for found in UNSURE.findall(said or "")]


if __name__ == "__main__":
    late = outdated() if "--check" in sys.argv else write()
    for path in late:
        print(path.name)  # noqa: T201 - what a command says
    sys.exit(1 if late and "--check" in sys.argv else 0)
