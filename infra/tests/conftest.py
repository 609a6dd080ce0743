"""What is left aside where the library's own tests are not: their servers stand for Azure's."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]

collect_ignore = [] if (PROJECT / "durable_agents" / "tests").is_dir() else ["test_running_as_deployed.py"]
