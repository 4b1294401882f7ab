"""Which text for which event: the rules file, read, checked and applied."""
