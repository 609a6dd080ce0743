"""The library that makes agents of the Agent Framework durable on Azure Functions."""
