"""The graph workflows of the app, one file each: its models, its executors, and a function that builds the graph."""
