"""How a session of an agent takes its turns, what it keeps, and how long it lives."""
