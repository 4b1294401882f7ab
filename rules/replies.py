"""What a rule makes of an answer to its text: the words it knows, and what follows each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rules.render import Text
from wire import keywords
from wire.keywords import fold

INTENTS = ("confirm", "cancel", "reschedule", "call")
"""What a person may mean by an answer, besides stop, start and help, which mean the same everywhere."""

NOTE = "note"
"""The field of `write_back` that is no field of the source but a note for its people."""

REPLY = "reply"
"""What the texts of `answer` and `write_back` can name besides the fields of the event: the text from the phone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """The answers a rule asks for. `words` are folded as wire.keywords folds a text; `answer` maps locales to texts."""

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    write_back: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)
    answer: Mapping[str, Mapping[str, Text]] = field(default_factory=dict)

    def read(self, text: str) -> tuple[str, bool]:
        """Return what a text means ("" for nothing the rule knows), and whether that is sure.

        The whole text decides, else its first words: "Yes, see you" confirms. A courtesy is no answer ("No problem"),
        and a text that goes on with a question is one for a person.
        """
        said = fold(text)
        known = sorted(((word, intent) for intent, words in self.words.items() for word in words), key=_longest_first)
        for word, intent in known:
            if said == word:
                return intent, True
        if any(said == polite or said.startswith(f"{polite} ") for polite in keywords.courtesies()):
            return "", False
        found = next((intent for word, intent in known if said.startswith(f"{word} ")), "")
        return found, bool(found) and "?" not in text

    def texts(self) -> Iterator[tuple[str, Text]]:
        """Yield every text and its place inside `replies`."""
        for kind, by_intent in (("answer", self.answer), ("write_back", self.write_back)):
            for intent, several in by_intent.items():
                for name, text in several.items():
                    yield ".".join(filter(None, (kind, intent, name))), text


def _longest_first(known: tuple[str, str]) -> int:
    return -len(known[0])
