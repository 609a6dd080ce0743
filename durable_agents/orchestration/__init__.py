"""What an orchestration may do: ask agents, wait for humans, keep an audit log, report its end."""
