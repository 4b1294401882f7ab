"""Every character of a condition is known, or refused with its column, before anything else reads it.

Texts, foreign letters and reserved words are blanked out, so that nothing but the grammar reaches the parser.
"""

from __future__ import annotations

import keyword
import re

DEEPEST = 30
MOST_DIGITS = 30


class ConditionError(Exception):
    """A condition that cannot be read. `column` counts from 1 and is where the caret goes."""

    def __init__(self, text: str, column: int, message: str) -> None:
        super().__init__(message)
        self.text, self.column, self.message = text, column, message


TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>[0-9]+(?:\.[0-9]+)?(?![\w.]))"
    r"|(?P<name>[^\W\d]\w*)|(?P<sign>[=!<>]=(?!=)|<(?!>)|[>()\[\],.-])",
    re.DOTALL,
)
OURS = {"and", "or", "not", "in", "is", "True", "False", "None"}
HINTS = {
    "===": "Write == to compare.",
    "!==": "Write != to compare.",
    "&&": "Write `and`.",
    "&": "Write `and`.",
    "||": "Write `or`.",
    "|": "Filters belong in texts; here write `or`, or a function such as lower(name).",
    "<>": "Write != to compare.",
    "=>": "Write >= to compare.",
    "=<": "Write <= to compare.",
    ":=": "Values cannot be stored in a condition; write == to compare.",
    "=": "Write == to compare.",
    "!": "Write `not`.",
    "{": "Write field names without braces: total > 100.",
    **dict.fromkeys(["**", "*", "+", "/", "%"], "A condition compares and does not calculate."),
    "#": "A condition holds no comments; put them on a line of their own.",
    **dict.fromkeys("“”„‘’`´", "Write texts in straight quotes: 'paid'."),
    **dict.fromkeys("'\"", "The text that begins here has no end."),
    **dict.fromkeys("0123456789", "Write numbers like 100 or 99.90, a list's first entry as [0]."),
}


def masked(text: str) -> str:
    """Check the tokens and blank out what the parser must not read, character for character."""
    masked, last, depth, at = [], "", 0, 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None or (found.lastgroup == "name" and not found[0].isidentifier()):
            raise ConditionError(text, at + 1, _hint(text[at : at + 3]))
        kind, piece = found.lastgroup or "", found[0]
        depth += (piece in "([") - (piece in ")]")
        if trouble := _trouble(kind, piece, last, depth):
            raise ConditionError(text, at + 1, trouble)
        masked.append(_blank(kind, piece, last))
        last = kind if kind in {"text", "name"} else last if kind == "space" else piece
        at = found.end()
        if kind == "name" and text[at : at + 1] in {"'", '"'}:
            raise ConditionError(text, at + 1, f"{piece} stands right before a text; texts need no prefix.")
    return "".join(masked)


def _blank(kind: str, piece: str, last: str) -> str:
    """Return what the parser gets to see instead of a piece: of the same length, and plain ASCII."""
    if kind == "space":
        return " " * len(piece)
    if kind == "text":
        return "'" + "x" * (len(piece) - 2) + "'"
    if kind == "name" and keyword.iskeyword(piece) and (last == "." or piece not in OURS):
        return "Z" * len(piece)  # `from` and `class` are fields like any other; no keyword has a Z
    return re.sub(r"[^\x00-\x7f]", "Z", piece)


def _trouble(kind: str, piece: str, last: str, depth: int) -> str:
    """Say what is wrong with a piece in its place, "" if nothing is."""
    if kind == "text" and last == "text":
        return "Two texts stand side by side; write a comma or an operator between them."
    if kind == "number" and len(piece) > MOST_DIGITS:
        return f"A number has at most {MOST_DIGITS} digits."
    if kind == "number" and re.match("0[0-9]", piece):
        return f"A number does not begin with 0; if it is a text, write '{piece}'."
    if kind == "name" and piece.startswith("__"):
        return "A field does not begin with two underscores."
    return "The condition is nested too deeply." if depth > DEEPEST else ""


def _hint(ahead: str) -> str:
    sign = next((ahead[:size] for size in (3, 2, 1) if ahead[:size] in HINTS), "")
    if sign:
        return HINTS[sign] if sign.isdigit() or sign in "'\"" else f"{sign} means nothing here. {HINTS[sign]}"
    shown = ahead[0] if ahead[0].isprintable() else f"U+{ord(ahead[0]):04X}"
    return f"The character {shown} means nothing here."


def syntax(text: str, column: int, message: str) -> str:
    """Turn the parser's complaint into a sentence about our language."""
    if "closed" in message or "unmatched" in message or "does not match" in message:
        return message[0].upper() + message[1:] + "."
    word = re.match(r"\w*", text[column - 1 :])
    if word and word[0] in {"if", "else", "for", "lambda", "await", "yield"}:
        return f"`{word[0]}` means nothing here; a condition only compares, with and, or, not."
    if column > len(text.rstrip()):
        return "The condition ends too early; something is missing here."
    return "This cannot be read: an operator, a value or a quote is missing or too many."


def unquoted(piece: str) -> str:
    r"""Return the text between quotes. Only \\, \' and \" are escapes, so that '\d' reaches `matches` as it is."""
    return re.sub(r"\\([\\'\"])", r"\1", piece[1:-1])
