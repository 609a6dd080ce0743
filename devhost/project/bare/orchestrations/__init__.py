"""The orchestrations of the app, one file each: an input model and one deterministic generator."""
