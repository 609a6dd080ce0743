"""Whether orchestrations do the same in every replay, told from their sources. It imports nothing of the library."""
