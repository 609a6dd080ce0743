"""Hosts as child processes, for tests of apps: started, killed and started again on the same task hub."""
