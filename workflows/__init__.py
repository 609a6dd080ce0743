"""The graph workflows of the app, one file each."""
