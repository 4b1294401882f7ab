"""Proof that a gateway does what the dispatcher relies on: one list of checks, for the command and for the tests."""
