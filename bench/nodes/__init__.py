"""Several nodes on one machine: each worker in a network of its own, one PostgreSQL, one provider that counts.

`python -m bench.nodes` needs root, `ip` (iproute2) and PostgreSQL's programs, and says so where they are missing.
"""
