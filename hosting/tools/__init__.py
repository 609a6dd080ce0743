"""What tools of agents may do, and where they come from."""
