"""Let the app on this machine use the model that was deployed: write local.settings.json, unless there is one.

azd runs this from the project's folder after it has provisioned, with the outputs of main.bicep in the environment. Who
deployed may use the model with their own identity (`az login`), so no secret is written.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
MODEL_OUTPUTS = ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT_NAME")


def main(project: Path, outputs: Mapping[str, str]) -> str:
    """Write the file and return what to tell the user. A file that is there stays, so this may run any number of times.

    Raises:
        SystemExit: An output is missing; the message names it.
        OSError: The example cannot be read, or the file cannot be written.
    """
    missing = [name for name in MODEL_OUTPUTS if not outputs.get(name)]
    if missing:
        sys.exit(
            f"{', '.join(missing)} is not in the environment: expected the outputs of infra/main.bicep. "
            "Run this by `azd hooks run postprovision`, after `azd provision`."
        )
    model = {name: outputs[name] for name in MODEL_OUTPUTS}
    settings = json.loads((project / "local.settings.json.example").read_text(encoding="utf-8"))
    settings["Values"].update(model)
    try:
        with (project / "local.settings.json").open("x", encoding="utf-8") as file:
            file.write(json.dumps(settings, indent=2) + "\n")
    except FileExistsError:
        lines = "".join(f"\n  {name}: {value}" for name, value in model.items())
        return f"local.settings.json is there already and stays as it is. The model that was deployed:{lines}"
    return "Wrote local.settings.json: the app on this machine now uses the model that was deployed."


if __name__ == "__main__":
    print(main(PROJECT, os.environ))
