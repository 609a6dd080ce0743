"""What the template adds to AgentFunctionApp: registration, checked input, problems, truthful agents, approvals."""
