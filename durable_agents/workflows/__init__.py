"""How graph workflows of the agent framework run as orchestrations of this app."""
