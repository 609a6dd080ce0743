"""A local, crash-safe Functions host for durable Python apps; for development and tests only."""
