"""Identity instead of keys, the right roles for the right principals, and no secret where it can be read."""

import json
import re
from collections.abc import Iterator
from typing import Any

from infra.tests.bicep_file import Declaration, text
from infra.tests.infrastructure import Infrastructure

ROLES = {
    "durableTaskDataContributor": "0ad04412-c4d5-4796-b79c-f76d14c8d402",
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "cognitiveServicesOpenAIUser": "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
}
GUID = re.compile(r"var (\w+) = '([0-9a-f]{8}-[0-9a-f-]{27})'")
# Each assignment by its file and name: for each of what, which role, on what, and who has it.
ASSIGNMENTS = {
    "storage.hostAssignments": ("hostContainers", "storageBlobDataOwner", "blobContainersOfHost[index]", "app"),
    "storage.containerAssignments": ("appContainers", "storageBlobDataContributor", "blobContainers[index]", "app"),
    "storage.accountAssignments": ("accountRoles", "role", "account", "app"),
    "storage.blobDevelopers": (
        "developerGrants",
        "storageBlobDataContributor",
        "blobContainers[grantee.index]",
        "developers",
    ),
    "storage.tableDevelopers": ("developers", "storageTableDataContributor", "sessions", "developers"),
    # On the hub, not on its scheduler.
    "task_hub.contributors": ("grantees", "durableTaskDataContributor", "hub", "app, developers"),
    "model_access.users": ("grantees", "cognitiveServicesOpenAIUser", "account", "app, developers"),
    "link_keys.secretsUser": ("", "keyVaultSecretsUser", "vault", "app"),
    "monitoring.metricsPublisher": ("", "monitoringMetricsPublisher", "insights", "app"),
}
# The variables of storage.bicep on which they rest.
ROLE_LISTS = {
    "hostContainers": "['azure-webjobs-hosts', 'azure-webjobs-secrets']",
    "appContainers": "concat([packageContainer, auditContainer], dataContainers)",
    "accountRoles": "[ storageQueueDataContributor storageTableDataContributor ]",
    # The package and the audit log, the first of the app's containers, are none of theirs.
    "developerGrants": (
        "flatten(map(developers, developer => map(dataContainers, (container, index) => "
        "{ index: index + 2 id: developer.id type: developer.type })))"
    ),
}
HOST, DATA = ("azure-webjobs-hosts", "azure-webjobs-secrets"), ("drafts", "outbox", "payloads", "published")
OF_THE_APP = {
    *(("storageBlobDataOwner", container) for container in HOST),
    *(("storageBlobDataContributor", container) for container in ("app-package", "audit", *DATA)),
    ("storageQueueDataContributor", "Microsoft.Storage/storageAccounts"),
    ("storageTableDataContributor", "Microsoft.Storage/storageAccounts"),
    ("durableTaskDataContributor", "Microsoft.DurableTask/schedulers/taskHubs"),
    ("cognitiveServicesOpenAIUser", "Microsoft.CognitiveServices/accounts"),
    ("keyVaultSecretsUser", "Microsoft.KeyVault/vaults"),
    ("monitoringMetricsPublisher", "Microsoft.Insights/components"),
}
OF_A_DEVELOPER = {
    *(("storageBlobDataContributor", container) for container in DATA),
    ("storageTableDataContributor", "sessions"),
    ("durableTaskDataContributor", "Microsoft.DurableTask/schedulers/taskHubs"),
    ("cognitiveServicesOpenAIUser", "Microsoft.CognitiveServices/accounts"),
}
LOCKS = [
    ("storage", "account", "properties.allowSharedKeyAccess", "false"),
    ("storage", "account", "properties.allowBlobPublicAccess", "false"),
    ("storage", "account", "properties.supportsHttpsTrafficOnly", "true"),
    ("storage", "account", "properties.minimumTlsVersion", "TLS1_2"),
    ("storage", "account", "properties.publicNetworkAccess", "isPrivate ? 'Disabled' : 'Enabled'"),
    ("storage", "account", "properties.networkAcls.defaultAction", "isPrivate ? 'Deny' : 'Allow'"),
    ("storage", "blobContainers", "properties.publicAccess", "None"),
    ("storage", "blobContainersOfHost", "properties.publicAccess", "None"),
    ("storage", "blobs", "properties.deleteRetentionPolicy", "softDelete"),
    ("storage", "blobs", "properties.containerDeleteRetentionPolicy", "softDelete"),
    ("storage", "account", "sku.name", "zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'"),
    ("scheduler", "scheduler", "properties.publicNetworkAccess", "isPrivate ? 'Disabled' : 'Enabled'"),
    ("scheduler", "scheduler", "properties.ipAllowlist", "isPrivate ? [] : ['0.0.0.0/0']"),
    ("model_account", "account", "properties.disableLocalAuth", "true"),
    ("monitoring", "insights", "properties.DisableLocalAuth", "true"),
    ("link_keys", "vault", "properties.enableRbacAuthorization", "true"),
    # Azure refuses false, so a vault without it does not say.
    ("link_keys", "vault", "properties.enablePurgeProtection", "purgeProtection ? true : null"),
    ("redis", "cluster", "properties.minimumTlsVersion", "1.2"),
    ("redis", "cluster", "properties.publicNetworkAccess", "isPrivate ? 'Disabled' : 'Enabled'"),
    ("redis", "database", "properties.accessKeysAuthentication", "Disabled"),
    ("redis", "database", "properties.clientProtocol", "Encrypted"),
    ("redis", "database", "properties.clusteringPolicy", "EnterpriseCluster"),
    # Azure takes letters and digits only for this name, which guid() does not give.
    ("redis", "user", "name", "replace(guid(database.id, appPrincipalId), '-', '')"),
    ("function_app", "app", "properties.httpsOnly", "true"),
    ("function_app", "app", "identity.type", "UserAssigned"),
    (
        "function_app",
        "app",
        "properties.functionAppConfig.deployment.storage.authentication.type",
        "UserAssignedIdentity",
    ),
    ("function_app", "plan", "properties.zoneRedundant", "zoneRedundant"),
    ("function_app", "app", "properties.keyVaultReferenceIdentity", "identityId"),
    ("function_app", "app", "properties.virtualNetworkSubnetId", "empty(subnetId) ? null : subnetId"),
    ("function_app", "ftpCredentials", "properties.allow", "false"),
    ("function_app", "ftpCredentials", "name", "ftp"),
    ("function_app", "scmCredentials", "properties.allow", "false"),
    ("function_app", "scmCredentials", "name", "scm"),
]


def role_assignments(project: Infrastructure) -> dict[str, Declaration]:
    found = project.resources()
    return {f"{file}.{one.name}": one for file, one in found if one.target == "Microsoft.Authorization/roleAssignments"}


def test_it_is_locked(project: Infrastructure) -> None:
    found = {lock: project.resource(*lock[:2]).properties.get(lock[2]) for lock in LOCKS}
    assert {lock: value for lock, value in found.items() if value != lock[3]} == {}


def test_the_site_is_configured_with_what_flex_consumption_takes(project: Infrastructure) -> None:
    # Newer stamps refuse the whole deployment for anything that the plan does not have, ftpsState for one.
    config = project.resource("function_app", "app").properties["properties.siteConfig"]
    restrictions = project.bicep["function_app"].declared("variable")["ipRestrictions"].value
    assert " ".join(config.split()) == "union({ http20Enabled: true minTlsVersion: '1.2' }, ipRestrictions)"
    assert restrictions is not None
    named = re.findall(r"^  (\w+):", text(restrictions), re.MULTILINE)
    assert named == ["ipSecurityRestrictionsDefaultAction", "ipSecurityRestrictions"]
    assert text(restrictions).startswith("empty(allowedIpRanges) ? {} :")
    assert "DefaultAction: 'Deny'" in text(restrictions)


def test_every_role_is_the_one_its_name_says(project: Infrastructure) -> None:
    sources = [file.source for file in project.bicep.values()]
    found = [match for source in sources for match in GUID.findall(source)]
    assert {name for name, _ in found} == set(ROLES)
    assert [(name, guid) for name, guid in found if ROLES[name] != guid] == []
    guids = [guid for source in sources for guid in re.findall(r"'[0-9a-f]{8}-[0-9a-f-]{27}'", source)]
    assert len(guids) == len(found), "a role without a name"


def test_every_role_is_given_where_it_is_used_and_nowhere_else(project: Infrastructure) -> None:
    given = role_assignments(project)
    assert set(given) == set(ASSIGNMENTS)
    for name, (each, role, scope, who) in ASSIGNMENTS.items():
        properties, loop = given[name].properties, re.search(r"\bfor .+ in (\w+):", text(given[name].node))
        assert (loop[1] if loop else "") == each, name
        assert properties["scope"] == scope, name
        definition = f"subscriptionResourceId('Microsoft.Authorization/roleDefinitions', {role})"
        assert properties["properties.roleDefinitionId"] == definition, name
        principal = "appPrincipalId" if who == "app" else "grantee.id"
        assert properties["properties.principalId"] == principal, name
    variables = project.bicep["storage"].declared("variable")
    lists = {name: " ".join(text(one.value).split()) for name, one in variables.items() if one.value is not None}
    assert {name: lists[name] for name in ROLE_LISTS} == ROLE_LISTS


def test_every_assignment_says_who_and_survives_a_new_identity(project: Infrastructure) -> None:
    for name, one in role_assignments(project).items():
        who, role = one.properties["properties.principalId"], ASSIGNMENTS[name][1]
        # A name without the principal would be taken when the identity has been made anew.
        assert one.properties["name"] == f"guid({one.properties['scope']}.id, {who}, {role})", name
        kind = "ServicePrincipal" if who == "appPrincipalId" else "grantee.type"
        assert one.properties["properties.principalType"] == kind, name


def test_who_is_given_roles_is_the_app_and_a_developer_who_is_no_pipeline(project: Infrastructure) -> None:
    variables = project.main.declared("variable")
    assert variables["developers"].properties == {"id": "principalId", "type": "principalType"}
    values = {name: text(one.value) for name, one in variables.items() if one.value is not None}
    assert values["developers"].startswith("hasDeveloper ? ")
    assert values["hasDeveloper"] == "!empty(principalId) && principalType != 'ServicePrincipal'"
    assert values["grantees"] == (
        "concat([{ id: identity.outputs.principalId, type: 'ServicePrincipal' }], developers)"
    )
    allowed = project.main.declared("parameter")["principalType"].decorators["allowed"]
    assert allowed == "['User', 'Group', 'ServicePrincipal']"
    modules = project.main.declared("module")
    assert modules["storage"].properties["params.developers"] == "developers"
    for name in ("monitoring", "storage", "linkKeys", "redis"):
        assert modules[name].properties["params.appPrincipalId"] == "identity.outputs.principalId", name
    for name in ("taskHub", "modelAccess"):
        assert modules[name].properties["params.grantees"] == "grantees", name


def test_in_what_was_reviewed_nobody_has_more(project: Infrastructure) -> None:
    """The roles of a deployment as the compiler has worked them out: it is held to these snapshots."""
    for file in sorted((project.infra / "tests" / "snapshots").glob("*.snapshot.json")):
        predicted = json.loads(file.read_text(encoding="utf-8"))["predictedResources"]
        app: set[tuple[str, ...]] = set()
        others: set[tuple[str, ...]] = set()
        for principal, *grant in roles_in(predicted):
            (app if "userAssignedIdentities" in principal else others).add(tuple(grant))
        assert app == OF_THE_APP, file.name
        assert others == (set() if file.name.startswith("pipeline.") else OF_A_DEVELOPER), file.name


def roles_in(predicted: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield the principal of each role assignment, the role, and the type or, of a part of an account, the name."""
    names = {guid: name for name, guid in ROLES.items()}
    for one in predicted:
        if one["type"] == "Microsoft.Authorization/roleAssignments":
            properties = one["properties"]
            scope = re.split(r"/providers/Microsoft\.Authorization/|', 'Microsoft\.Authorization/", one["id"])[0]
            kinds = scope.rpartition("/providers/")[2].split("/")
            last = kinds[-1] if kinds[-2] in ("containers", "tables") else "/".join([kinds[0], *kinds[1::2]])
            yield properties["principalId"], names[properties["roleDefinitionId"].rpartition("/")[2]], last


def test_everything_that_can_be_tagged_is(project: Infrastructure) -> None:
    taggable = [one for _, one in project.resources() if "location" in one.properties]
    assert len(taggable) >= 12
    assert [one.name for one in taggable if "tags" not in one.properties.get("tags", "")] == []
    # Nobody takes the tag away by which azd finds what is its own.
    tags = project.main.declared("variable")["tags"]
    assert tags.value is not None and text(tags.value) == "union(extraTags, { 'azd-env-name': environmentName })"


def test_nothing_says_where_it_is_but_the_parameters(project: Infrastructure) -> None:
    located = [(file, one.name, one.properties.get("location")) for file, one in project.resources()]
    assert [one for one in located if one[2] not in (None, "location", "global")] == []
    modules = project.main.declared("module")
    given = {name: one.properties.get("params.location", "location") for name, one in modules.items()}
    assert {name: place for name, place in given.items() if place != "location"} == {"modelAccount": "modelLocation"}


def test_no_secret_gets_out(project: Infrastructure) -> None:
    told = re.compile(r"\blist\w*\(|ConnectionString|InstrumentationKey|properties\.value")
    for stem, file in project.bicep.items():
        secure = [name for name, parameter in file.declared("parameter").items() if "secure" in parameter.decorators]
        for name, output in file.declared("output").items():
            assert not told.search(text(output.node)), f"{stem}: {name}"
            assert not any(re.search(rf"\b{one}\b", text(output.node)) for one in secure), f"{stem}: {name}"
        assert not re.search(r"\blist(Keys|AccountSas|Secrets?)?\(|AccountKey=|\.listKeys\(", file.source), stem


def test_the_link_keys_are_made_up_in_azure_once_and_differ_each_time(project: Infrastructure) -> None:
    file = project.bicep["link_keys"]
    for name in ("key", "previousKey", "operatorKey"):
        parameter = file.declared("parameter")[name]
        assert parameter.value is not None and text(parameter.value) == "'${newGuid()}${newGuid()}'"
        assert "secure" in parameter.decorators
        secret = file.declared("resource")[f"{name}Secret"]
        assert "onlyIfNotExists" in secret.decorators
        assert secret.properties["properties.value"] == name
        uri = f"${{vault.properties.vaultUri}}secrets/${{{name}Secret.name}}"
        assert text(file.declared("output")[f"{name}Reference"].node).endswith(
            f"'@Microsoft.KeyVault(SecretUri={uri})'"
        )
    assert "newGuid" not in "".join(one.source for stem, one in project.bicep.items() if stem != "link_keys")


def test_what_the_app_needs_is_there_before_it_with_its_roles(project: Infrastructure) -> None:
    """Modules are created in the order in which they read each other, or say that they depend."""
    modules, settings = project.main.declared("module"), project.main.declared("variable")["settings"]
    needed = " ".join([*modules["functionApp"].properties.values(), *settings.properties.values()])
    read = set(re.findall(r"(\w+)!?\.outputs\.", needed))
    assert read == {"identity", "storage", "taskHub", "modelAccess", "linkKeys", "network"}
    assert modules["functionApp"].properties.get("dependsOn") == "[monitoring]"
    assert modules["taskHub"].properties.get("dependsOn") == "[scheduler]"
    assert modules["modelAccess"].properties.get("dependsOn") == "[modelAccount]"
    # These have the name of the workspace, which says nothing of when it is there.
    for name in ("storage", "linkKeys", "modelAccount", "alerts", "workbook"):
        assert modules[name].properties["params.workspaceName"] == "workspaceName"
        assert modules[name].properties.get("dependsOn") == "[monitoring]", name


def test_the_scheduler_forgets_after_the_app_has(project: Infrastructure) -> None:
    scheduler, settings = project.main.declared("module")["scheduler"], project.main.declared("variable")["settings"]
    assert settings.properties["RUN_RETENTION_DAYS"] == "string(runRetentionDays)"
    assert scheduler.properties["params.retentionDays"] == "runRetentionDays + 1"
    policy = project.resource("scheduler", "retention")
    assert policy.properties["name"] == "default"
    assert policy.properties["properties.retentionPolicies"] == "[{ retentionPeriodInDays: retentionDays }]"
    assert "@maxValue(89)\n" in project.main.source.partition("param runRetentionDays")[0].rpartition("\n\n")[2]


def test_what_is_done_to_the_data_and_the_keys_is_told_to_the_workspace(project: Infrastructure) -> None:
    found = [
        (file, one.properties["scope"], one.properties.get("properties.logs", ""), one.properties)
        for file, one in project.resources()
        if one.target == "Microsoft.Insights/diagnosticSettings"
    ]
    assert {(file, scope) for file, scope, *_ in found} == {
        ("storage", "blobs"),
        ("link_keys", "vault"),
        ("model_account", "account"),
    }
    for file, _, logs, properties in found:
        assert "enabled: true" in logs and "enabled: false" not in logs, file
        assert properties["properties.workspaceId"] == "workspace.id", file


def test_one_parameter_makes_it_private_throughout(project: Infrastructure) -> None:
    main, network = project.main.declared("module"), project.bicep["network"]
    for name in ("storage", "scheduler", "redis"):
        assert main[name].properties["params.isPrivate"] == "vnetEnabled"
    assert "(vnetEnabled)" in text(main["network"].node)
    assert main["functionApp"].properties["params.subnetId"] == "vnetEnabled ? network!.outputs.appSubnetId : ''"
    assert "subnets/${appSubnet}" in text(network.declared("output")["appSubnetId"].node)
    assert "Microsoft.App/environments" in network.source
    # The one way out is that of the app, and is said: newer versions of the API give none unless it is.
    assert re.findall(r"name: (\w+)$|defaultOutboundAccess: (\w+)", network.source, re.MULTILINE)[1:] == [
        ("appSubnet", ""),
        ("", "true"),
        ("endpointSubnet", ""),
        ("", "false"),
    ]


def test_a_private_endpoint_has_its_name_in_the_network(project: Infrastructure) -> None:
    network = project.bicep["network"]
    targets = dict(re.findall(r"name: '(\w+)', id: (?:\w+), group: '\w+', zone: '([^']+)'", network.source))
    assert targets == {
        "blob": "privatelink.blob.${storageSuffix}",
        "queue": "privatelink.queue.${storageSuffix}",
        "table": "privatelink.table.${storageSuffix}",
        "scheduler": "privatelink.durabletask.io",
        "redis": "privatelink.redis.azure.net",
    }
    kinds = {one.target for one in network.declared("resource").values()}
    assert {
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    } <= kinds
