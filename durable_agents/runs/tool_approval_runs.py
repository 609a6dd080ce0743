"""Have humans decide on the tool calls of a session: each is a run of its own, put to reviewers as any draft is."""

import azure.durable_functions as df

from durable_agents.orchestration.registry import Orchestration
from durable_agents.runs.starts import RunStarts, instance_id_for, stored_input_for
from durable_agents.runs.status import is_over
from durable_agents.sessions.entity_function import HubClient
from durable_agents.sessions.tool_requests import ToolRequest


class ToolApprovals:
    """Asks with runs of `orchestration`, which signals `decide` to the session. Both methods may be repeated."""

    def __init__(self, orchestration: Orchestration) -> None:
        self._orchestration = orchestration
        self._starts = RunStarts()

    async def ask(self, hub: HubClient, agent: str, session_id: str, request: ToolRequest) -> None:
        """Start the run for this request, unless it was started before."""
        fields = request.model_dump(mode="json", exclude={"correlation_id", "decision"})
        stored_input = stored_input_for(self._orchestration, {"agent": agent, "session_id": session_id, **fields})
        name, run_id = self._orchestration.name, self._run_id(agent, session_id, request)
        await hub.call(lambda client: self._starts.start_once(client, name, run_id, stored_input))

    async def withdraw(self, hub: HubClient, agent: str, session_id: str, request: ToolRequest) -> None:
        """End the run for a request that nobody needs to decide on any more."""
        run_id = self._run_id(agent, session_id, request)

        async def end(client: df.DurableOrchestrationClient) -> None:
            status = await client.get_status(run_id)
            if status and not is_over(status):
                await client.terminate(run_id, "The session does not wait for the tool call any more.")

        await hub.call(end)

    def _run_id(self, agent: str, session_id: str, request: ToolRequest) -> str:
        """Return the id of the run: with its time, for a session that was deleted may ask for the same again."""
        key = f"{agent}/{session_id}/{request.request_id}/{request.expires_at.isoformat()}"
        return instance_id_for(self._orchestration.name, key)
