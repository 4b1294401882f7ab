"""The field `replies` of a rule, read into values."""

from __future__ import annotations

from rules import fields, spec
from rules.fields import Problems, read_map
from rules.node import Node
from rules.render import Text, locale_of
from rules.replies import INTENTS, Replies
from wire import keywords

MEANS = {
    keywords.STOP: "stops every further text to this person",
    keywords.START: "counts as an opt-in",
    keywords.HELP: "asks for help",
}


def replies(node: Node, problems: Problems) -> Replies | None:
    """Read which answers a rule knows, and what follows each of them."""
    entries = read_map(node, spec.REPLIES, problems, "replies")
    words = {intent: _words(entries[intent], problems) for intent in INTENTS if intent in entries}
    if entries and not any(words.values()):
        problems.add(node, "replies names no answer.", "Write such as: confirm: [ok, ja].")
    _said_twice(entries, words, problems)
    found: dict[str, dict[str, dict[str, Text]]] = {}
    for name, read in (("write_back", _changes), ("answer", _texts)):
        given = read_map(entries[name], spec.BY_INTENT[name], problems, name) if name in entries else {}
        for intent, child in given.items():
            if intent not in words:
                problems.add(child, f"{name} has {intent}, and no answer means that.", f"Add {intent}: [...].")
        found[name] = {intent: read(child, problems) for intent, child in given.items()}
    return Replies(words=words, **found)


def _words(node: Node, problems: Problems) -> tuple[str, ...]:
    """Read the words of an intent; those that carriers and the law have taken are problems."""
    found = []
    for child in node.items if node.items is not None else [node]:
        word = fields.text(child, problems, "An answer")
        folded = keywords.fold(word)
        if word and not folded:
            problems.add(child, f"{word[:20]!r} holds nothing that a text could be compared with.")
        taken = next((name for name in MEANS if folded in keywords.whole(name)), "")
        if taken:
            text = f"The answer {word.upper()[:30]} {MEANS[taken]}, before any rule sees it."
            problems.add(child, text, "Use another answer: C, R, 1, 2 or OK.")
        found.append(folded)
    return tuple(filter(None, found))


def _said_twice(entries: dict[str, Node], words: dict[str, tuple[str, ...]], problems: Problems) -> None:
    first: dict[str, str] = {}
    for intent, several in words.items():
        for word in several:
            if first.setdefault(word, intent) != intent:
                problems.add(entries[intent], f"The answer {word[:30]!r} means {first[word]} and {intent}.")


def _changes(node: Node, problems: Problems) -> dict[str, Text]:
    """Read the fields to write; each value is a text that may name fields of the event, and the reply."""
    if not node.entries:
        problems.add(node, f"This must be a map of fields, not {node.kind}.", 'Write {status: confirmed, note: "..."}.')
    return _compiled(dict(node.entries or {}), problems)


def _texts(node: Node, problems: Problems) -> dict[str, Text]:
    """Read a text, or one per locale."""
    for locale in node.entries or {}:
        if not locale_of(locale, ""):
            line, column = node.key_lines[locale]
            problems.add(Node(node.path, line, column), f"{locale[:40]!r} is not a language.", "Write en, de or de-AT.")
    several = _compiled(dict(node.entries) if node.entries is not None else {"": node}, problems)
    return {locale.replace("_", "-"): text for locale, text in several.items()}


def _compiled(nodes: dict[str, Node], problems: Problems) -> dict[str, Text]:
    found = {name: fields.template(child, problems) for name, child in nodes.items()}
    return {name: text for name, text in found.items() if text is not None}
