"""Draws an orchestration as a Mermaid flowchart, from its code: `python -m durable_agents.picture FILE`."""
