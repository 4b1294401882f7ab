"""The words of Tidings: frozen values without I/O, standard library only."""
