"""Which HTTP function answers a request: route templates, their order, and where they overlap."""
