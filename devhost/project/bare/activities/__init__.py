"""The activities of the app, one file each: plain functions that do all I/O and are safe to run twice."""
