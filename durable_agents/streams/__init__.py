"""Answers of agents while they are made."""
