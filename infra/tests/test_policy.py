"""Identity instead of keys, the right roles for the right principals, and no secret where it can be read."""

import re

import pytest

from infra.tests.bicep_file import BicepFile, Declaration, bicep_files, text

FILES = {file.path.stem: file for file in bicep_files()}
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
LOCKS = [
    ("storage", "account", "properties.allowSharedKeyAccess", "false"),
    ("storage", "account", "properties.allowBlobPublicAccess", "false"),
    ("storage", "account", "properties.supportsHttpsTrafficOnly", "true"),
    ("storage", "account", "properties.minimumTlsVersion", "TLS1_2"),
    ("storage", "account", "properties.publicNetworkAccess", "isPrivate ? 'Disabled' : 'Enabled'"),
    ("storage", "account", "properties.networkAcls.defaultAction", "isPrivate ? 'Deny' : 'Allow'"),
    ("storage", "blobContainers", "properties.publicAccess", "None"),
    ("scheduler", "scheduler", "properties.publicNetworkAccess", "isPrivate ? 'Disabled' : 'Enabled'"),
    ("scheduler", "scheduler", "properties.ipAllowlist", "isPrivate ? [] : ['0.0.0.0/0']"),
    ("model_account", "account", "properties.disableLocalAuth", "true"),
    ("monitoring", "insights", "properties.DisableLocalAuth", "true"),
    ("link_keys", "vault", "properties.enableRbacAuthorization", "true"),
    ("redis", "cluster", "properties.minimumTlsVersion", "1.2"),
    ("redis", "cluster", "properties.publicNetworkAccess", "isPrivate ? 'Disabled' : 'Enabled'"),
    ("redis", "database", "properties.accessKeysAuthentication", "Disabled"),
    ("redis", "database", "properties.clientProtocol", "Encrypted"),
    ("redis", "database", "properties.clusteringPolicy", "EnterpriseCluster"),
    # Azure takes letters and digits only for this name, which guid() does not give.
    ("redis", "user", "name", "replace(guid(database.id, appPrincipalId), '-', '')"),
    ("function_app", "app", "properties.httpsOnly", "true"),
    ("function_app", "app", "properties.siteConfig.minTlsVersion", "1.2"),
    ("function_app", "app", "properties.keyVaultReferenceIdentity", "identityId"),
    ("function_app", "app", "properties.virtualNetworkSubnetId", "empty(subnetId) ? null : subnetId"),
    ("function_app", "ftpCredentials", "properties.allow", "false"),
    ("function_app", "ftpCredentials", "name", "ftp"),
    ("function_app", "scmCredentials", "properties.allow", "false"),
    ("function_app", "scmCredentials", "name", "scm"),
]


def resources() -> list[Declaration]:
    """Return all resources that are created, not those that are only read."""
    return [one for file in FILES.values() for one in file.declared("resource").values() if not one.is_existing]


def role_assignments() -> list[Declaration]:
    return [one for one in resources() if one.target == "Microsoft.Authorization/roleAssignments"]


@pytest.mark.parametrize(("file", "resource", "path", "value"), LOCKS, ids=lambda part: str(part)[:40])
def test_it_is_locked(file: str, resource: str, path: str, value: str) -> None:
    assert FILES[file].declared("resource")[resource].properties[path] == value


def test_the_site_is_configured_with_what_flex_consumption_takes() -> None:
    # Newer stamps refuse the whole deployment for anything that the plan does not have, ftpsState for one.
    properties = FILES["function_app"].declared("resource")["app"].properties
    prefix = "properties.siteConfig."
    assert {name.removeprefix(prefix) for name in properties if name.startswith(prefix)} == {
        "http20Enabled",
        "minTlsVersion",
    }


def test_every_role_is_the_one_its_name_says() -> None:
    found = [match for file in FILES.values() for match in GUID.findall(file.source)]
    assert {name for name, _ in found} == set(ROLES)
    assert [(name, guid) for name, guid in found if ROLES[name] != guid] == []
    guids = [guid for file in FILES.values() for guid in re.findall(r"'[0-9a-f]{8}-[0-9a-f-]{27}'", file.source)]
    assert len(guids) == len(found), "a role without a name"


def test_every_assignment_says_who_and_survives_a_new_identity() -> None:
    assert len(role_assignments()) == 7
    for one in role_assignments():
        who = one.properties["properties.principalId"]
        assert who in ("appPrincipalId", "grantee.id")
        # A name without the principal would be taken when the identity has been made anew.
        assert re.fullmatch(rf"guid\(\w+\.id, {re.escape(who)}, \w+\)", one.properties["name"])
        kind = "ServicePrincipal" if who == "appPrincipalId" else "grantee.type"
        assert one.properties["properties.principalType"] == kind
        assert "scope" in one.properties


def test_no_assignment_takes_whoever_deploys_for_a_user() -> None:
    main = FILES["main"]
    assert main.declared("variable")["developers"].properties == {"id": "principalId", "type": "principalType"}
    allowed = main.declared("parameter")["principalType"].decorators["allowed"]
    assert allowed == "['User', 'Group', 'ServicePrincipal']"


def test_everything_that_can_be_tagged_is() -> None:
    taggable = [one for one in resources() if "location" in one.properties]
    assert len(taggable) >= 12
    assert [one.name for one in taggable if "tags" not in one.properties["tags"]] == []
    tags = FILES["main"].declared("variable")["tags"].properties
    assert tags == {"azd-env-name": "environmentName"}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_no_secret_gets_out(file: BicepFile) -> None:
    secure = [name for name, parameter in file.declared("parameter").items() if "secure" in parameter.decorators]
    for name, output in file.declared("output").items():
        assert not re.search(r"\blist\w*\(|ConnectionString|InstrumentationKey|properties\.value", text(output.node)), (
            name
        )
        assert not any(re.search(rf"\b{one}\b", text(output.node)) for one in secure), name
    assert not re.search(r"\blist(Keys|AccountSas|Secrets?)?\(|AccountKey=|\.listKeys\(", file.source)


def test_the_link_keys_are_made_up_in_azure_once_and_differ_each_time() -> None:
    file = FILES["link_keys"]
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
    assert "newGuid" not in "".join(one.source for stem, one in FILES.items() if stem != "link_keys")


def test_what_the_app_needs_is_there_before_it_with_its_roles() -> None:
    """Modules are created in the order in which they read each other, or say that they depend."""
    modules, settings = FILES["main"].declared("module"), FILES["main"].declared("variable")["settings"]
    needed = " ".join([*modules["functionApp"].properties.values(), *settings.properties.values()])
    read = set(re.findall(r"(\w+)!?\.outputs\.", needed))
    assert read == {"identity", "storage", "taskHub", "modelAccess", "linkKeys", "network"}
    assert modules["functionApp"].properties["dependsOn"] == "[monitoring]"
    assert modules["taskHub"].properties["dependsOn"] == "[scheduler]"
    assert modules["modelAccess"].properties["dependsOn"] == "[modelAccount]"


def test_one_parameter_makes_it_private_throughout() -> None:
    main, network = FILES["main"].declared("module"), FILES["network"]
    for name in ("storage", "scheduler", "redis"):
        assert main[name].properties["params.isPrivate"] == "vnetEnabled"
    assert "(vnetEnabled)" in text(main["network"].node)
    assert main["functionApp"].properties["params.subnetId"] == "vnetEnabled ? network!.outputs.appSubnetId : ''"
    assert "subnets/${appSubnet}" in text(network.declared("output")["appSubnetId"].node)
    assert "Microsoft.App/environments" in network.source


def test_a_private_endpoint_has_its_name_in_the_network() -> None:
    network = FILES["network"]
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
