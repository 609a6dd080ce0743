"""What this deployment is told: what the library reads. Settings of your own become fields of `Settings`."""

from durable_agents import HostingSettings


class Settings(HostingSettings):
    """Everything the app can be told from outside, checked."""
