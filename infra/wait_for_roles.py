"""See that the app's identity has its roles before the app is deployed, and give new ones a moment to reach everything.

azd runs this from the project's folder before it deploys, with the outputs of main.bicep in the environment. A role
counts some minutes after it was assigned; a first deployment that comes sooner is refused with 403. This waits a bit,
says what to do, and never fails: what it cannot see may be right all the same.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

# By the ends of their ids.
NEEDED = {
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "0ad04412-c4d5-4796-b79c-f76d14c8d402": "Durable Task Data Contributor",
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
_SETTLED_SECONDS = 120.0
_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 10.0
_CALL_SECONDS = 60.0

Roles = dict[str, datetime]


def main(
    environment: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> str:
    """Wait until the roles are there and two minutes old, three minutes at most, and return what to tell the user.

    It only looks, so it may run any number of times. Without `az`, or with one that may not look, it waits for nothing.
    """
    program = shutil.which("az", path=environment.get("PATH"))
    names = ("AZURE_SUBSCRIPTION_ID", "AZURE_APP_IDENTITY_PRINCIPAL_ID")
    if program is None or not all(environment.get(name) for name in names):
        return "The roles of the app were not looked at: that needs the Azure CLI and a provisioned environment."
    command = [program, *_question(*(environment[name] for name in names))]
    patience = _PATIENCE_SECONDS
    while True:
        roles = _ask(command, environment)
        if roles is None:
            return "The roles of the app were not looked at: az does not answer. `az login` lets this look."
        missing = sorted(name for role, name in NEEDED.items() if role not in roles)
        if not missing:
            break
        if patience <= 0:
            return f"The app's identity lacks {', '.join(missing)}: run `azd provision`, then `azd deploy`."
        sleep(_PAUSE_SECONDS)
        patience -= _PAUSE_SECONDS
    new = _SETTLED_SECONDS - (now() - max(roles.values())).total_seconds()
    if new > 0:
        sleep(new)
        return (
            "The roles of the app are new: if the deployment is refused with 403, run `azd deploy` again a bit later."
        )
    return "The app's identity has its roles."


def _question(subscription: str, principal: str) -> Sequence[str]:
    """Return the arguments that ask Azure for the role assignments of a principal, which needs no right in Entra."""
    url = f"https://management.azure.com/subscriptions/{subscription}/providers/Microsoft.Authorization/roleAssignments"
    query = ["api-version=2022-04-01", f"$filter=principalId eq '{principal}'"]
    return ["rest", "--method", "get", "--url", url, "--uri-parameters", *query, "--output", "json"]


def _ask(command: Sequence[str], environment: Mapping[str, str]) -> Roles | None:
    """Return when each role was assigned last, by its id; None if that cannot be known."""
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", env=dict(environment), timeout=_CALL_SECONDS, check=True
        )
        found = [one["properties"] for one in json.loads(done.stdout)["value"]]
        assigned = [
            (str(one["roleDefinitionId"]).rpartition("/")[2], datetime.fromisoformat(one["createdOn"])) for one in found
        ]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return None
    roles: Roles = {}
    for role, when in assigned:
        roles[role] = max(roles.get(role, when), when)
    return roles


if __name__ == "__main__":
    print(main(os.environ))
