"""Does what takes long at the start of an app, once: a host that is forked after this was imported starts sooner."""

from durable_agents import HostingSettings, create_chat_client

_PROVIDER = {"OPENAI_API_KEY": "key", "OPENAI_MODEL": "model", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}

create_chat_client(HostingSettings.from_environ({"MODEL_PROVIDER": "openai", **_PROVIDER}).model)
