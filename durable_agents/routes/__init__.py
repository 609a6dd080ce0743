"""The HTTP functions of the app: parse the request, make one client call, respond."""
