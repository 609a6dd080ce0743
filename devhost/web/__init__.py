"""Everything devhost serves over HTTP: the app's functions and the Durable Functions management API."""
