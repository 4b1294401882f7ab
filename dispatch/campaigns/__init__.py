"""One text to everybody on a list: how it is planned, previewed, let go, held back and reported on."""
