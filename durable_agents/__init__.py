"""Durable AI agents on Azure Functions: what this library adds to the `AgentFunctionApp` of Microsoft."""
