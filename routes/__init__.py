"""The HTTP routes of the app itself, one file each; the library has all others."""
