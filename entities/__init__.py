"""The entities of the app that are no agents, one file each: a function, and the state it keeps."""
