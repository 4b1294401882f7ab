"""The same send step carried by the message table and by RabbitMQ: `python -m bench.engines`.

docs/decisions/0022-queue-in-the-database.md has the figures and what follows from them.
"""
