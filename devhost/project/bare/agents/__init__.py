"""The agents of the app, one file each: name, instructions, output model and a function that creates it."""
