"""What a durable timer keeps to, whatever stores it."""

from datetime import timedelta

MOST_EARLY = timedelta(seconds=1)
"""How long before its time a timer may fire: the queues of Azure Storage know whole seconds, rounded down."""
