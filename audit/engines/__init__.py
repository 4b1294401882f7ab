"""The engines the store runs on: one SQLite file, or a PostgreSQL server that several machines share."""
