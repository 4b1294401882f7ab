"""The HTTP API of programs, /api/v1: JSON in, JSON out, by bearer keys. Each module holds one resource."""
