"""How a session of an agent takes its turns."""
