"""What all tests share: an app on a host, as a child process."""

pytest_plugins = ["devhost.testing.plugin"]
