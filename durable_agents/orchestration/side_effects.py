"""What a run does outside: how often it is tried, and by which key a repeat is recognised."""

import azure.durable_functions as df

SIDE_EFFECT_RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=5_000, max_number_of_attempts=3)
"""For activities that reach another system and are safe to run twice: 3 attempts, 5 seconds apart."""


def effect_key(context: df.DurableOrchestrationContext, effect: str) -> str:
    """Return the key of one effect of this execution of the run; call it once for each effect, where it is scheduled.

    It is the same in every replay and retry, and after a rewind. No other execution has it: not the next run under the
    same instance id, once this one is deleted, and not the run when it has continued as new.
    """
    return f"{context.instance_id}-{context.new_uuid()}-{effect}"
