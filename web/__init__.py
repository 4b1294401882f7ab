"""Pages for people. Everything shown here is read through audit; nothing is decided here."""
