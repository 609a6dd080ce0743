"""The tests in bare/ are those of a project that `dev.py new --bare` makes: they run there."""

collect_ignore = ["bare"]
