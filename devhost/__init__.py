"""A local, crash-safe Functions host for durable Python apps; for development and tests only."""

__version__ = "0.2.0"
