"""Hosts that kill themselves at a named point of a run, and are started again: for tests of what a crash repeats."""
