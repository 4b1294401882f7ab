"""Faults on purpose: the service as it is run, broken in every way we know, and held to its promises by counting.

`make chaos` plays the episodes of EPISODES, `make soak` watches an hour of steady load. docs/reliability.md, section
"Chaos", has the figures of one run.
"""
