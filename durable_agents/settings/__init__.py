"""What the library is told by the deployment: the fields, what is checked, and what the code makes of them."""
