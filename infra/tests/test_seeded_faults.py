"""Faults that have been made, or easily could be: each is made in a copy, and told by the check that looks for it.

Snapshots are no such check: they see every edit, and say of none what is wrong with it.
"""

import inspect
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from durable_agents import SettingsError
from infra.tests import test_app_settings as of_settings
from infra.tests import test_azure_yaml as of_azd
from infra.tests import test_host_json as of_the_host
from infra.tests import test_operations as of_operations
from infra.tests import test_parameters as of_parameters
from infra.tests import test_policy as of_policy
from infra.tests.infrastructure import THIS_PROJECT, Infrastructure
from infra.tests.test_compiler import BICEP, bicep

Check = Callable[[Infrastructure], None]
MAIN, PARAMETERS = "infra/main.bicep", "infra/main.parameters.json"
MODULES = "infra/modules"
APP, STORAGE, KEYS = f"{MODULES}/function_app.bicep", f"{MODULES}/storage.bicep", f"{MODULES}/link_keys.bicep"

needs_bicep = pytest.mark.skipif(BICEP is None, reason="no bicep on PATH: az bicep install, and say where in BICEP")


@dataclass(frozen=True)
class Fault:
    """One edit of one file, the check that must tell it, and whether the compiler has nothing to say of it."""

    name: str
    file: str
    old: str
    new: str
    check: Check
    compiles: bool = True


FAULTS = [
    # Roles.
    Fault(
        "the app owns the whole account again",
        STORAGE,
        "    scope: blobContainersOfHost[index]\n",
        "    scope: account\n",
        of_policy.test_every_role_is_given_where_it_is_used_and_nowhere_else,
    ),
    Fault(
        "the app may do all with the blobs of the account",
        STORAGE,
        "var accountRoles = [\n",
        "var accountRoles = [\n  storageBlobDataOwner\n",
        of_policy.test_every_role_is_given_where_it_is_used_and_nowhere_else,
    ),
    Fault(
        "developers write to the audit log",
        STORAGE,
        "  index: index + 2\n",
        "  index: index + 1\n",
        of_policy.test_every_role_is_given_where_it_is_used_and_nowhere_else,
    ),
    Fault(
        "the app lacks its role for queues",
        STORAGE,
        "  storageQueueDataContributor\n  storageTableDataContributor\n]",
        "  storageTableDataContributor\n]",
        of_policy.test_every_role_is_given_where_it_is_used_and_nowhere_else,
        compiles=False,
    ),
    Fault(
        "the package is not among the containers with a role",
        STORAGE,
        "var appContainers = concat([packageContainer], dataContainers)",
        "var appContainers = concat(dataContainers, [])",
        of_policy.test_every_role_is_given_where_it_is_used_and_nowhere_else,
        compiles=False,
    ),
    Fault(
        "one environment reaches the runs of another",
        f"{MODULES}/task_hub.bicep",
        "    scope: hub\n",
        "    scope: scheduler\n",
        of_policy.test_every_role_is_given_where_it_is_used_and_nowhere_else,
    ),
    Fault(
        "telemetry is refused",
        f"{MODULES}/monitoring.bicep",
        "resource metricsPublisher 'Microsoft.Authorization/roleAssignments@2022-04-01' =",
        "resource metricsPublisher 'Microsoft.Authorization/roleAssignments@2022-04-01' existing =",
        of_policy.test_every_role_is_given_where_it_is_used_and_nowhere_else,
        compiles=False,
    ),
    Fault(
        "a role under another one's name",
        KEYS,
        "var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'",
        "var keyVaultSecretsUser = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'",
        of_policy.test_every_role_is_the_one_its_name_says,
    ),
    Fault(
        "an identity made anew finds the name of its role taken",
        KEYS,
        "guid(vault.id, appPrincipalId, keyVaultSecretsUser)",
        "guid(vault.id, keyVaultSecretsUser)",
        of_policy.test_every_assignment_says_who_and_survives_a_new_identity,
    ),
    Fault(
        "a pipeline is taken for a person",
        f"{MODULES}/model_access.bicep",
        "principalType: grantee.type",
        "principalType: 'User'",
        of_policy.test_every_assignment_says_who_and_survives_a_new_identity,
    ),
    Fault(
        "a pipeline reads the data",
        MAIN,
        "var hasDeveloper = !empty(principalId) && principalType != 'ServicePrincipal'",
        "var hasDeveloper = !empty(principalId) || principalType == 'ServicePrincipal'",
        of_policy.test_who_is_given_roles_is_the_app_and_a_developer_who_is_no_pipeline,
    ),
    Fault(
        "whoever deploys gets the roles of the app",
        MAIN,
        "    appPrincipalId: identity.outputs.principalId\n    developers: developers\n",
        "    appPrincipalId: principalId\n    developers: developers\n",
        of_policy.test_who_is_given_roles_is_the_app_and_a_developer_who_is_no_pipeline,
    ),
    # Locks.
    Fault(
        "keys of the storage account work",
        STORAGE,
        "allowSharedKeyAccess: false",
        "allowSharedKeyAccess: true",
        of_policy.test_it_is_locked,
    ),
    Fault(
        "blobs can be made public",
        STORAGE,
        "    allowBlobPublicAccess: false\n",
        "",
        of_policy.test_it_is_locked,
    ),
    Fault(
        "keys of the model account work",
        f"{MODULES}/model_account.bicep",
        "disableLocalAuth: true",
        "disableLocalAuth: false",
        of_policy.test_it_is_locked,
    ),
    Fault(
        "storage stays public in a private network",
        STORAGE,
        "publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'",
        "publicNetworkAccess: 'Enabled'",
        of_policy.test_it_is_locked,
    ),
    Fault(
        "the scheduler lets nobody in",
        f"{MODULES}/scheduler.bicep",
        "ipAllowlist: isPrivate ? [] : ['0.0.0.0/0']",
        "ipAllowlist: []",
        of_policy.test_it_is_locked,
    ),
    Fault(
        "references to the vault are read as nobody",
        APP,
        "    keyVaultReferenceIdentity: identityId\n",
        "",
        of_policy.test_it_is_locked,
    ),
    Fault(
        "Azure refuses a vault without purge protection",
        KEYS,
        "purgeProtection ? true : null",
        "purgeProtection",
        of_policy.test_it_is_locked,
    ),
    Fault(
        "what was deleted is gone at once",
        STORAGE,
        "    deleteRetentionPolicy: softDelete\n",
        "    deleteRetentionPolicy: { enabled: false }\n",
        of_policy.test_it_is_locked,
    ),
    Fault(
        "the plan refuses ftpsState",
        APP,
        "      minTlsVersion: '1.2'\n",
        "      minTlsVersion: '1.2'\n      ftpsState: 'Disabled'\n",
        of_policy.test_the_site_is_configured_with_what_flex_consumption_takes,
    ),
    Fault(
        "addresses that are not on the list get in",
        APP,
        "ipSecurityRestrictionsDefaultAction: 'Deny'",
        "ipSecurityRestrictionsDefaultAction: 'Allow'",
        of_policy.test_the_site_is_configured_with_what_flex_consumption_takes,
    ),
    # Secrets.
    Fault(
        "each deployment ends the links that reviewers have",
        KEYS,
        "@onlyIfNotExists()\nresource keySecret ",
        "resource keySecret ",
        of_policy.test_the_link_keys_are_made_up_in_azure_once_and_differ_each_time,
    ),
    Fault(
        "a key is in the output",
        KEYS,
        "output vaultName string = vault.name\n",
        "output vaultName string = vault.name\noutput secret string = keySecret.properties.value\n",
        of_policy.test_no_secret_gets_out,
    ),
    # Order, places, retention.
    Fault(
        "the app begins before its storage can be reached",
        MAIN,
        "    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''\n",
        "    subnetId: vnetEnabled ? '${group.id}/subnets/app' : ''\n",
        of_policy.test_what_the_app_needs_is_there_before_it_with_its_roles,
    ),
    Fault(
        "the hub is made before its scheduler",
        MAIN,
        "    grantees: grantees\n  }\n  dependsOn: [scheduler]\n",
        "    grantees: grantees\n  }\n",
        of_policy.test_what_the_app_needs_is_there_before_it_with_its_roles,
    ),
    Fault(
        "the vault tells a workspace that is not there yet",
        MAIN,
        "    #disable-next-line what-if-short-circuiting // as in monitoring\n"
        "    appPrincipalId: identity.outputs.principalId\n  }\n  dependsOn: [monitoring]\n",
        "    #disable-next-line what-if-short-circuiting // as in monitoring\n"
        "    appPrincipalId: identity.outputs.principalId\n  }\n",
        of_policy.test_what_the_app_needs_is_there_before_it_with_its_roles,
    ),
    Fault(
        "a region that nobody has chosen",
        f"{MODULES}/redis.bicep",
        "  location: location\n",
        "  location: 'westeurope'\n",
        of_policy.test_nothing_says_where_it_is_but_the_parameters,
        compiles=False,
    ),
    Fault(
        "the model is where everything else is",
        MAIN,
        "    location: modelLocation\n",
        "    location: location\n",
        of_policy.test_nothing_says_where_it_is_but_the_parameters,
        compiles=False,
    ),
    Fault(
        "the scheduler forgets a run before the app has",
        MAIN,
        "    retentionDays: runRetentionDays + 1\n",
        "    retentionDays: runRetentionDays\n",
        of_policy.test_the_scheduler_forgets_after_the_app_has,
    ),
    Fault(
        "longer than the scheduler keeps anything",
        MAIN,
        "@maxValue(89)\n@description('Days after which the app",
        "@maxValue(365)\n@description('Days after which the app",
        of_policy.test_the_scheduler_forgets_after_the_app_has,
    ),
    Fault(
        "azd does not find what it made",
        MAIN,
        "union(extraTags, { 'azd-env-name': environmentName })",
        "union({ 'azd-env-name': environmentName }, extraTags)",
        of_policy.test_everything_that_can_be_tagged_is,
    ),
    Fault(
        "nobody sees who read the keys",
        KEYS,
        "logs: [{ categoryGroup: 'audit', enabled: true }]",
        "logs: [{ categoryGroup: 'audit', enabled: false }]",
        of_policy.test_what_is_done_to_the_data_and_the_keys_is_told_to_the_workspace,
    ),
    Fault(
        "the app in a network has no way out",
        f"{MODULES}/network.bicep",
        "defaultOutboundAccess: true",
        "defaultOutboundAccess: false",
        of_policy.test_one_parameter_makes_it_private_throughout,
    ),
    Fault(
        "a private endpoint has no name",
        f"{MODULES}/network.bicep",
        "'privatelink.queue.${storageSuffix}'",
        "'privatelink.blob.${storageSuffix}'",
        of_policy.test_a_private_endpoint_has_its_name_in_the_network,
    ),
    # Settings.
    Fault(
        "the app is not told its model",
        MAIN,
        "  AZURE_OPENAI_DEPLOYMENT_NAME: deploymentName\n",
        "  AZURE_OPENAI_CHAT_DEPLOYMENT_NAME: deploymentName\n",
        of_settings.test_the_app_starts_with_what_it_is_told,
    ),
    Fault(
        "a setting that the app reads is not given",
        MAIN,
        "  BLOB_ACCOUNT_URL: storage.outputs.blobUrl\n",
        "",
        of_settings.test_all_that_is_required_in_azure_is_set,
    ),
    Fault(
        "a setting that nobody reads",
        MAIN,
        "  RUN_RETENTION_DAYS: string(runRetentionDays)\n",
        "  RETENTION_DAYS: string(runRetentionDays)\n",
        of_settings.test_nothing_is_set_that_nobody_reads,
    ),
    Fault(
        "the app signs in as nobody",
        MAIN,
        "  AZURE_CLIENT_ID: identity.outputs.clientId\n",
        "  AZURE_CLIENT_ID: identity.outputs.principalId\n",
        of_settings.test_nothing_is_set_that_nobody_reads,
    ),
    Fault(
        "the scheduler is asked as nobody",
        MAIN,
        "Authentication=ManagedIdentity;ClientID=${identity.outputs.clientId}'",
        "Authentication=ManagedIdentity'",
        of_settings.test_the_task_hub_is_reached_by_identity,
    ),
    Fault(
        "what a deployment says is overruled",
        MAIN,
        "union(settings, redisSettings, authSettings, extraSettings)",
        "union(extraSettings, settings, redisSettings, authSettings)",
        of_settings.test_what_is_set_beside_wins,
    ),
    Fault(
        "a container that the app writes to is missing",
        MAIN,
        "    dataContainers: [containers.published, containers.drafts, containers.outbox, containers.payloads]\n",
        "    dataContainers: [containers.published, containers.drafts, containers.outbox]\n",
        of_settings.test_the_containers_that_the_app_writes_to_are_created,
    ),
    Fault(
        "developers have a role on a table that the app does not use",
        STORAGE,
        "var sessionTable = 'sessions'",
        "var sessionTable = 'session'",
        of_settings.test_the_table_that_lists_sessions_is_created,
    ),
    Fault(
        "the host looks for queues where blobs are",
        MAIN,
        "    queueUrl: storage.outputs.queueUrl\n",
        "    queueUrl: storage.outputs.blobUrl\n",
        of_settings.test_the_host_gets_its_storage_by_identity_and_nothing_that_the_plan_refuses,
    ),
    Fault(
        "the host has no client id",
        APP,
        "  AzureWebJobsStorage__clientId: identityClientId\n",
        "",
        of_settings.test_the_host_gets_its_storage_by_identity_and_nothing_that_the_plan_refuses,
    ),
    Fault(
        "a setting that the plan refuses",
        APP,
        "  OTEL_SERVICE_NAME: name\n",
        "  OTEL_SERVICE_NAME: name\n  FUNCTIONS_WORKER_RUNTIME: 'python'\n",
        of_settings.test_the_host_gets_its_storage_by_identity_and_nothing_that_the_plan_refuses,
    ),
    Fault(
        "headers are trusted that anybody can send",
        MAIN,
        "var authSettings = authEnabled ? { APP_SERVICE_AUTHENTICATION: 'true' } : {}",
        "var authSettings = { APP_SERVICE_AUTHENTICATION: 'true' }",
        of_settings.test_who_is_signed_in_is_trusted_where_sign_in_is_set_up_and_nowhere_else,
    ),
    Fault(
        "headers are trusted before authentication is on",
        APP,
        "  dependsOn: [authentication]\n",
        "",
        of_settings.test_who_is_signed_in_is_trusted_where_sign_in_is_set_up_and_nowhere_else,
    ),
    # What azd reads.
    Fault(
        "a parameter that azd passes on as another's",
        PARAMETERS,
        '"${AZURE_REDIS_ENABLED=false}"',
        '"${AZURE_VNET_ENABLED=false}"',
        of_parameters.test_the_parameters_file_has_every_parameter_with_its_default,
    ),
    Fault(
        "a default that is not the one of the file",
        PARAMETERS,
        "${AZURE_RUN_RETENTION_DAYS=29}",
        "${AZURE_RUN_RETENTION_DAYS=30}",
        of_parameters.test_the_parameters_file_has_every_parameter_with_its_default,
    ),
    Fault(
        "azd asks for quota where none is needed",
        MAIN,
        "@metadata({ azd: { type: 'location' } })\n",
        "@metadata({ azd: { type: 'location', usageName: ['OpenAI.GlobalStandard.gpt-5.4-mini,50'] } })\n",
        of_parameters.test_only_the_region_of_the_model_is_offered_by_its_quota,
    ),
    Fault(
        "a vault that azd down cannot purge, unasked",
        MAIN,
        "param vaultPurgeProtection bool = false",
        "param vaultPurgeProtection bool = true",
        of_parameters.test_what_costs_or_cannot_be_undone_is_off_unless_it_is_asked_for,
    ),
    Fault(
        "a hook that fails what was provisioned",
        "azure.yaml",
        "      run: python3 -m infra.write_local_settings\n      continueOnError: true\n",
        "      run: python3 -m infra.write_local_settings\n",
        of_azd.test_each_hook_runs_the_same_module_on_every_system_and_stops_nothing,
    ),
    Fault(
        "a key that azd passes over",
        "azure.yaml",
        "    remoteBuild: true\n",
        "    remotebuild: true\n",
        of_azd.test_it_has_only_keys_that_azd_knows,
    ),
    Fault(
        "azd looks for another service",
        MAIN,
        "    serviceName: 'agents'\n",
        "    serviceName: 'api'\n",
        of_azd.test_its_service_is_the_function_app,
    ),
    # What the host reads.
    Fault(
        "all environments share one hub",
        "host.json",
        '"hubName": "%TASKHUB_NAME%"',
        '"hubName": "TASKHUB_NAME"',
        of_the_host.test_the_scheduler_is_the_provider,
    ),
    Fault(
        "runs go into the storage account",
        "host.json",
        '"type": "azureManaged"',
        '"type": "AzureStorage"',
        of_the_host.test_the_scheduler_is_the_provider,
    ),
    Fault(
        "spans of runs are lost",
        "host.json",
        '  "telemetryMode": "OpenTelemetry",\n',
        '  "telemetryMode": "ApplicationInsights",\n',
        of_the_host.test_spans_of_runs_are_kept,
    ),
    Fault(
        "turns wait for threads that other turns hold",
        "host.json",
        '"maxConcurrentEntityFunctions": 20',
        '"maxConcurrentEntityFunctions": 32',
        of_the_host.test_turns_and_activities_do_not_wait_for_each_others_threads,
    ),
    Fault(
        "an alert that never comes",
        f"{MODULES}/alerts.bicep",
        "| where Name == 'durable_agents.runs.ended'",
        "| where Name == 'durable_agents.runs_ended'",
        of_operations.test_what_is_asked_for_is_recorded,
    ),
]
# What no check of ours has to look for: edit, and what the compiler says.
SAID_BY_THE_COMPILER = [
    (KEYS, "softDeleteRetentionInDays: 7", "softDeleteRetentionDays: 7", "BCP089"),
    (STORAGE, "supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: 'true'", "BCP036"),
    (MAIN, "var redisSettings =", "var unused = 1\nvar redisSettings =", "no-unused-vars"),
    (MAIN, "    planName: 'plan-${token}'\n", "", "BCP035"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of all that is read here, for one to spoil."""
    for name in ("azure.yaml", "host.json"):
        shutil.copy(THIS_PROJECT.project / name, tmp_path)
    shutil.copytree(THIS_PROJECT.infra, tmp_path / "infra", ignore=shutil.ignore_patterns("__pycache__", "tests"))
    return tmp_path


def make(fault: Fault, project: Path) -> Infrastructure:
    edit(project / fault.file, fault.old, fault.new)
    return Infrastructure(project)


def edit(file: Path, old: str, new: str) -> None:
    source = file.read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{file.name} has this {source.count(old)} times: {old}"
    file.write_text(source.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_it_is_told_by_its_check(fault: Fault, copy: Path) -> None:
    # By nothing else of the copy: unspoilt, it passes, or the check says nothing of this fault.
    fault.check(Infrastructure(copy))
    with pytest.raises((AssertionError, SettingsError)):
        fault.check(make(fault, copy))


def test_there_are_enough_of_them_and_each_check_has_one() -> None:
    assert len(FAULTS) >= 25 and len({fault.name for fault in FAULTS}) == len(FAULTS)
    idle = {name for name, check in checks() if check not in [fault.check for fault in FAULTS]}
    # These hold what is in place against something that no edit of theirs reaches: documents, snapshots, versions.
    assert idle == {
        "test_every_output_has_its_row",
        "test_every_variable_of_the_parameters_file_has_its_row",
        "test_the_page_has_every_query",
        "test_in_what_was_reviewed_nobody_has_more",
        "test_its_infrastructure_exists",
        "test_what_is_set_beside_is_read_too",
        "test_the_bundle_has_what_the_app_uses",
        "test_a_turn_that_hangs_does_not_end_its_neighbours_before_its_deadline",
    }


def checks() -> Iterator[tuple[str, Check]]:
    """Yield the tests that take a project and nothing else."""
    for module in (of_azd, of_operations, of_parameters, of_policy, of_settings, of_the_host):
        for name, test in vars(module).items():
            if name.startswith("test_") and list(inspect.signature(test).parameters) == ["project"]:
                yield name, test


@needs_bicep
@pytest.mark.thorough
@pytest.mark.timeout(180)
def test_the_compiler_would_not_have_said_so(copy: Path) -> None:
    """All of them at once that do not edit the same lines, for one build takes seconds."""
    made = []
    for fault in FAULTS:
        if fault.compiles and (copy / fault.file).read_text(encoding="utf-8").count(fault.old) == 1:
            made.append(make(fault, copy))
    assert len(made) > 40
    built = bicep("build", copy / MAIN, "--stdout")
    assert built.returncode == 0, built.stderr


@needs_bicep
@pytest.mark.thorough
@pytest.mark.timeout(180)
def test_it_is_told_by_the_compiler(copy: Path) -> None:
    for file, old, new, _ in SAID_BY_THE_COMPILER:
        edit(copy / file, old, new)
    told = bicep("lint", copy / MAIN)
    assert [said for *_, said in SAID_BY_THE_COMPILER if said not in told.stdout + told.stderr] == []
