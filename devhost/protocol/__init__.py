"""The wire between the host and the Durable Functions Python SDK 1.x."""
