"""The recorded cases, grouped by what they are about."""
