"""The function app: everything that exists is listed here; nothing is discovered."""

import os

from agents import writer
from durable_agents import AgentFunctionApp, Orchestration, create_chat_client
from orchestrations.text_refinement import text_refinement
from settings import Settings

settings = Settings.from_environ(os.environ)
chat = create_chat_client(settings.model)

app = AgentFunctionApp(
    settings=settings,
    agents=[
        writer.create_writer(chat),
    ],
    orchestrations=[Orchestration(text_refinement)],
)
