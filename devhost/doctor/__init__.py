"""`dev.py doctor`: why an app has no functions, a run does not go on, or a deployment would not work.

It imports nothing but Python's own library and the parts of devhost that do the same, so that it works where `.venv`
is missing; what needs the packages of the app runs as a process in `.venv` (`report`).
"""
