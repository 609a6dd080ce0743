"""Keys of what a run does outside, by which a repeat is recognised."""

import azure.durable_functions as df


def effect_key(context: df.DurableOrchestrationContext, effect: str) -> str:
    """Return the key of one effect of this execution of the run; call it once for each effect, where it is scheduled.

    It is the same in every replay and retry, and after a rewind. No other execution has it: not the next run under the
    same instance id, once this one is deleted, and not the run when it has continued as new.
    """
    return f"{context.instance_id}-{context.new_uuid()}-{effect}"
