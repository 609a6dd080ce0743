"""The settings of the library in groups, each with what reads it from the environment."""
