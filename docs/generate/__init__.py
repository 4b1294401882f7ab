"""The parts of the documentation that are made from the code, for the cog blocks in README.md and docs/*.md.

A block reads: `from docs.generate import systems`, then `cog.out(systems.connectors())`. `make format` writes them
anew, `make check` fails when one is out of date.
"""
