"""Plays recorded requests and random programs against a Functions host; needs the standard library only."""
