"""How often an orchestration tries an activity before it fails."""

import azure.durable_functions as df

SIDE_EFFECT_RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=5_000, max_number_of_attempts=3)
"""For activities that reach another system and are safe to run twice: 3 attempts, 5 seconds apart."""
