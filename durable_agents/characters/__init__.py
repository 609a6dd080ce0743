"""What Unicode knows of characters, for names and for texts that people read before they decide."""
