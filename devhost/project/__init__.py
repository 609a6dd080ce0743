"""What dev.py does: set a project up, check it, make a new one, upgrade it. Needs the standard library alone."""
