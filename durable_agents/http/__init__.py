"""How the HTTP API reads requests, answers, and describes itself."""
