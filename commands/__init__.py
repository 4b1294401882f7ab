"""The groups of the `tidings` command, one file per group."""
