"""How a message begins that the app itself tells an agent, in the place of a user."""

FROM_THE_APP = "[From the app, not from the user]"
"""A model by rules knows by it that nobody asks for anything."""
