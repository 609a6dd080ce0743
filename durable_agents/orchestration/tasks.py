"""What tasks of the SDK keep to, whatever hosts them."""

from datetime import timedelta

import azure.durable_functions as df

MOST_EARLY = timedelta(seconds=1)
"""How long before its time a timer may fire: the queues of Azure Storage know whole seconds, rounded down."""

SIDE_EFFECT_RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=5_000, max_number_of_attempts=3)
"""For activities that reach another system and are safe to run twice: 3 attempts, 5 seconds apart."""
