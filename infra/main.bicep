targetScope = 'subscription'

import { settingsType, tagsType } from 'types.bicep'

@minLength(1)
@maxLength(64)
@description('Name of the environment. Every resource carries it as a tag, and the resource group in its name.')
param environmentName string

// Regions believed to have all that is needed; docs/deployment.md says how to find out about another one.
@allowed(['australiaeast', 'eastus', 'eastus2', 'northeurope', 'southcentralus', 'swedencentral', 'uksouth', 'westus2'])
@metadata({ azd: { type: 'location' } })
@description('Region of everything but the model.')
param location string

// A parameter of its own: azd offers the regions that have quota for the default model, and ends where there is none. That
// must not stop who has another model, SKU or account, and says a region here.
@minLength(1)
@metadata({ azd: { type: 'location', usageName: ['OpenAI.GlobalStandard.gpt-5.4-mini,50'] } })
@description('Region of the model. It is not used with a model account that exists.')
param modelLocation string

@description('Object id of who deploys, who gets the roles of a developer unless it is a service principal. Empty: nobody does.')
param principalId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
@description('What that principal is.')
param principalType string = 'User'

@allowed(['3.11', '3.12', '3.13'])
@description('Version of Python. The worker of 3.13 is another than that of 3.11 and 3.12, and the least tried here.')
param pythonVersion string = '3.11'

// The plan also has 512, a quarter of a core: nothing here was tried with it.
@allowed([2048, 4096])
@description('Memory of an instance, in MB.')
param instanceMemoryMB int = 2048

@minValue(40)
@maxValue(1000)
@description('How many instances there may be.')
param maximumInstanceCount int = 40

@minValue(1)
@maxValue(1000)
@description('How many HTTP requests one instance takes at a time. The default of the platform for Python is 1.')
param httpConcurrency int = 16

@minValue(0)
@description('Instances that are always ready, and paid for, for HTTP requests.')
param alwaysReadyHttp int = 0

@minValue(0)
@description('Instances that are always ready, and paid for, for orchestrations, activities and agents.')
param alwaysReadyDurable int = 0

@allowed(['Consumption', 'Dedicated'])
@description('SKU of the Durable Task Scheduler: paid by action, or by capacity unit.')
param schedulerSku string = 'Consumption'

@minValue(1)
@maxValue(3)
@description('Capacity units of the Dedicated SKU; 3 are highly available.')
param schedulerCapacity int = 1

@minValue(1)
@maxValue(89)
@description('Days after which the app removes a run that is over, with all that belongs to it: at most 29 with a Consumption scheduler.')
param runRetentionDays int = 29

@description('Name of a scheduler to add a task hub to. Empty: one is created.')
param existingSchedulerName string = ''

@description('Its resource group. Empty: that of this environment.')
param existingSchedulerResourceGroup string = ''

@description('Name of the model.')
param modelName string = 'gpt-5.4-mini'

@description('Version of the model.')
param modelVersion string = '2026-03-17'

@description('Kind of the model deployment.')
param modelSku string = 'GlobalStandard'

@minValue(1)
@description('Thousands of tokens a minute.')
param modelCapacity int = 50

@description('Name of the model deployment. Empty: that of the model.')
param modelDeploymentName string = ''

@description('Name of a model account that has the deployment. Empty: both are created.')
param existingModelAccountName string = ''

@description('Its resource group. Empty: that of this environment.')
param existingModelAccountResourceGroup string = ''

@description('Whether there is a Redis, which answers are streamed through.')
param redisEnabled bool = false

@description('Size of the Redis.')
param redisSku string = 'Balanced_B0'

@description('Whether storage, scheduler and Redis are reached through private endpoints only.')
param vnetEnabled bool = false

@description('The only addresses that reach the app, such as 203.0.113.0/24. None: all do.')
param allowedIpRanges string[] = []

@description('Whether instances and storage are spread over the zones of the region.')
param zoneRedundant bool = false

@minValue(0)
@maxValue(365)
@description('Days for which deleted blobs can be restored. 0: not at all.')
param blobSoftDeleteDays int = 7

@minValue(0)
@maxValue(3650)
@description('Days after which what nobody sent is deleted from the outbox. 0: never.')
param outboxRetentionDays int = 0

@description('Whether the vault cannot be purged before its time. It cannot be undone, and keeps azd down --purge from ending.')
param vaultPurgeProtection bool = false

@minValue(-1)
@description('GB of telemetry that are kept a day. -1: all; what comes after the cap is lost.')
param logDailyCapGb int = -1

@description('Who gets alerts by e-mail. Empty: there are none.')
param alertEmail string = ''

@minValue(0)
@description('What the resource group may cost in a month, in the currency of the subscription: alertEmail is told at 80 percent. 0: there is no budget.')
param monthlyBudget int = 0

@description('The first day of the month in which the budget begins, such as 2026-12-01.')
param budgetStart string = ''

@minValue(1)
@description('Hours after which an approval has waited so long that there is an alert.')
param approvalAlertHours int = 24

@description('Whether callers sign in with Microsoft Entra: then each has sessions and runs of their own.')
param authEnabled bool = false

@description('Client id of the app registration with which they sign in; docs/deployment.md has the commands that make it.')
param authClientId string = ''

@description('More settings of the app, by name. They win over those that are set here.')
param extraSettings settingsType = {}

@description('More tags of every resource, by name.')
param extraTags tagsType = {}

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = union(extraTags, { 'azd-env-name': environmentName })
var groupName = 'rg-${environmentName}'
var containers = {
  package: 'app-package'
  published: 'published'
  drafts: 'drafts'
  outbox: 'outbox'
  payloads: 'payloads'
  audit: 'audit'
}
var workspaceName = 'log-${token}'
var taskHubName = 'hub-${token}'
var insightsName = 'appi-${token}'
var createsScheduler = empty(existingSchedulerName)
var schedulerName = createsScheduler ? 'dts-${token}' : existingSchedulerName
var schedulerGroup = createsScheduler || empty(existingSchedulerResourceGroup) ? groupName : existingSchedulerResourceGroup
var createsModelAccount = empty(existingModelAccountName)
var modelAccountName = createsModelAccount ? 'ai-${token}' : existingModelAccountName
var modelGroup = createsModelAccount || empty(existingModelAccountResourceGroup) ? groupName : existingModelAccountResourceGroup
var deploymentName = empty(modelDeploymentName) ? modelName : modelDeploymentName
// A pipeline deploys, and looks at no data.
var hasDeveloper = !empty(principalId) && principalType != 'ServicePrincipal'
var developers = hasDeveloper ? [{ id: principalId, type: principalType }] : []
var grantees = concat([{ id: identity.outputs.principalId, type: 'ServicePrincipal' }], developers)

// What host.json and settings.py read. What only the Functions host reads is set in function_app.bicep.
var settings = {
  AZURE_CLIENT_ID: identity.outputs.clientId
  TASKHUB_NAME: taskHub.outputs.name
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${taskHub.outputs.endpoint};Authentication=ManagedIdentity;ClientID=${identity.outputs.clientId}'
  MODEL_PROVIDER: 'azure_openai'
  AZURE_OPENAI_ENDPOINT: modelAccess.outputs.endpoint
  AZURE_OPENAI_DEPLOYMENT_NAME: deploymentName
  RUN_RETENTION_DAYS: string(runRetentionDays)
  SESSION_TABLE_ACCOUNT_URL: storage.outputs.tableUrl
  BLOB_ACCOUNT_URL: storage.outputs.blobUrl
  APPROVAL_LINK_KEY: linkKeys.outputs.keyReference
  APPROVAL_LINK_PREVIOUS_KEY: linkKeys.outputs.previousKeyReference
  OPERATOR_KEY: linkKeys.outputs.operatorKeyReference
}
var needsClientId = authEnabled && empty(authClientId)
var signInWith = !authEnabled ? '' : needsClientId ? fail('authEnabled needs authClientId: set AZURE_AUTH_CLIENT_ID, as docs/deployment.md says.') : authClientId
var authSettings = authEnabled ? { APP_SERVICE_AUTHENTICATION: 'true' } : {}
var needsBudgetParts = monthlyBudget > 0 && (empty(alertEmail) || empty(budgetStart))
var budgetAmount = needsBudgetParts ? fail('monthlyBudget needs who is told and when it begins: set AZURE_ALERT_EMAIL and AZURE_BUDGET_START, such as 2026-12-01.') : monthlyBudget
var redisSettings = redisEnabled ? { STREAM_REDIS_URL: redis!.outputs.url } : {}

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: groupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: workspaceName
    insightsName: insightsName
    location: location
    tags: tags
    dailyCapGb: logDailyCapGb
    // The name of a role assignment must hold the principal, or it is taken once the identity has been made anew. What-if
    // then shows these assignments less precisely, and nothing else.
    #disable-next-line what-if-short-circuiting
    appPrincipalId: identity.outputs.principalId
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    packageContainer: containers.package
    auditContainer: containers.audit
    dataContainers: [containers.published, containers.drafts, containers.outbox, containers.payloads]
    outboxContainer: containers.outbox
    outboxRetentionDays: outboxRetentionDays
    softDeleteDays: blobSoftDeleteDays
    zoneRedundant: zoneRedundant
    isPrivate: vnetEnabled
    workspaceName: workspaceName
    #disable-next-line what-if-short-circuiting // as in monitoring
    appPrincipalId: identity.outputs.principalId
    developers: developers
  }
  dependsOn: [monitoring]
}

module scheduler 'modules/scheduler.bicep' = if (createsScheduler) {
  scope: group
  params: {
    name: schedulerName
    location: location
    tags: tags
    sku: schedulerSku
    capacity: schedulerCapacity
    // A day more than the app: what the scheduler forgets by itself leaves behind what belongs to it.
    retentionDays: runRetentionDays + 1
    isPrivate: vnetEnabled
  }
}

module taskHub 'modules/task_hub.bicep' = {
  scope: resourceGroup(schedulerGroup)
  params: {
    schedulerName: schedulerName
    name: taskHubName
    grantees: grantees
  }
  dependsOn: [scheduler]
}

module modelAccount 'modules/model_account.bicep' = if (createsModelAccount) {
  scope: group
  params: {
    name: modelAccountName
    location: modelLocation
    tags: tags
    deploymentName: deploymentName
    modelName: modelName
    modelVersion: modelVersion
    deploymentSku: modelSku
    capacity: modelCapacity
    workspaceName: workspaceName
  }
  dependsOn: [monitoring]
}

module modelAccess 'modules/model_access.bicep' = {
  scope: resourceGroup(modelGroup)
  params: {
    accountName: modelAccountName
    grantees: grantees
  }
  dependsOn: [modelAccount]
}

module linkKeys 'modules/link_keys.bicep' = {
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    purgeProtection: vaultPurgeProtection
    workspaceName: workspaceName
    #disable-next-line what-if-short-circuiting // as in monitoring
    appPrincipalId: identity.outputs.principalId
  }
  dependsOn: [monitoring]
}

module alerts 'modules/alerts.bicep' = if (!empty(alertEmail)) {
  scope: group
  params: {
    name: 'alert-${token}'
    location: location
    tags: tags
    workspaceName: workspaceName
    email: alertEmail
    approvalHours: approvalAlertHours
  }
  dependsOn: [monitoring]
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0) {
  scope: group
  params: {
    name: 'budget-${token}'
    amount: budgetAmount
    startDate: budgetStart
    email: alertEmail
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    title: 'Agents of ${environmentName}'
    location: location
    tags: tags
    workspaceName: workspaceName
  }
  dependsOn: [monitoring]
}

module redis 'modules/redis.bicep' = if (redisEnabled) {
  scope: group
  params: {
    name: 'redis-${token}'
    location: location
    tags: tags
    sku: redisSku
    isPrivate: vnetEnabled
    #disable-next-line what-if-short-circuiting // as in monitoring
    appPrincipalId: identity.outputs.principalId
  }
}

// It ends with endpoints in place, and the app begins after it: without them the app could not start.
module network 'modules/network.bicep' = if (vnetEnabled) {
  scope: group
  params: {
    name: 'vnet-${token}'
    location: location
    tags: tags
    storageId: storage.outputs.id
    schedulerId: taskHub.outputs.schedulerId
    redisId: redisEnabled ? redis!.outputs.id : ''
  }
}

module functionApp 'modules/function_app.bicep' = {
  scope: group
  params: {
    name: 'func-${token}'
    planName: 'plan-${token}'
    location: location
    tags: tags
    zoneRedundant: zoneRedundant
    allowedIpRanges: allowedIpRanges
    serviceName: 'agents'
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    insightsName: insightsName
    blobUrl: storage.outputs.blobUrl
    queueUrl: storage.outputs.queueUrl
    tableUrl: storage.outputs.tableUrl
    packageContainer: containers.package
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyHttp: alwaysReadyHttp
    alwaysReadyDurable: alwaysReadyDurable
    authClientId: signInWith
    settings: union(settings, redisSettings, authSettings, extraSettings)
  }
  // It reads the component by its name.
  dependsOn: [monitoring]
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = functionApp.outputs.name
output AZURE_FUNCTION_APP_URL string = functionApp.outputs.url
output AZURE_APP_IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output APPLICATIONINSIGHTS_NAME string = insightsName
output AZURE_KEY_VAULT_NAME string = linkKeys.outputs.vaultName
output AZURE_OPENAI_ENDPOINT string = modelAccess.outputs.endpoint
output AZURE_OPENAI_DEPLOYMENT_NAME string = deploymentName
output DURABLE_TASK_DASHBOARD_URL string = 'https://dashboard.durabletask.io/?endpoint=${uriComponent(taskHub.outputs.endpoint)}&taskhub=${taskHubName}'
