"""Decisions that humans take on drafts, each bound to what was shown."""
