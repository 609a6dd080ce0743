"""What callers of agents send and get."""
