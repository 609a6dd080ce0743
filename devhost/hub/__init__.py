"""The task hub: instances, histories, messages and entities in one SQLite file."""
