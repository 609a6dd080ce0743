"""The offline model: rules that answer in the place of a model, for development and tests; never deployed."""
