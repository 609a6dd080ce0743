"""The settings of the app in groups, each with what reads it from the environment."""
