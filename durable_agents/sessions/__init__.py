"""Which sessions there are, and how long they live."""
