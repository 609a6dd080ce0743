"""Activities that the library itself registers: asking reviewers, telling of the end of runs."""
