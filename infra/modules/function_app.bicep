import { settingsType, tagsType } from '../types.bicep'

@description('Name of the function app, and of its address, which is unique in the world.')
param name string

@description('Name of its plan, which it shares with no other app.')
param planName string

@description('Where both are.')
param location string

@description('Whether the instances of the plan are spread over zones.')
param zoneRedundant bool

@description('The only addresses that reach the app, such as 203.0.113.0/24. None: all do.')
param allowedIpRanges string[]

@description('Tags of every resource.')
param tags tagsType

@description('Key of the service in azure.yaml, by which azd finds the app.')
param serviceName string

@description('Id of the identity of the app.')
param identityId string

@description('Client id of that identity.')
param identityClientId string

@description('Name of the Application Insights component.')
param insightsName string

@description('Blob endpoint of the storage account of the host.')
param blobUrl string

@description('Queue endpoint of that account.')
param queueUrl string

@description('Table endpoint of that account.')
param tableUrl string

@description('Name of the blob container of the package.')
param packageContainer string

@description('Id of the subnet of the app, or empty.')
param subnetId string

@description('Version of Python.')
param pythonVersion string

@description('Memory of an instance, in MB.')
param instanceMemoryMB int

@description('How many instances there may be.')
param maximumInstanceCount int

@description('How many HTTP requests one instance takes at a time.')
param httpConcurrency int

@description('Instances that are always ready for HTTP requests.')
param alwaysReadyHttp int

@description('Instances that are always ready for orchestrations, activities and entities.')
param alwaysReadyDurable int

@description('Client id of the app registration with which callers sign in, or empty: then nobody does.')
param authClientId string

@description('The settings of the app, beside those of the host.')
param settings settingsType

var hostSettings = {
  AzureWebJobsStorage__blobServiceUri: blobUrl
  AzureWebJobsStorage__queueServiceUri: queueUrl
  AzureWebJobsStorage__tableServiceUri: tableUrl
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // The worker sets up OpenTelemetry, and the app must not. Workers up to 4.34 read the second name for it.
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  OTEL_SERVICE_NAME: name
  // Of libraries that the app does not use: each takes time at a cold start.
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'django,fastapi,flask,psycopg2'
  // For orchestrations, and whatever else is a plain function. Turns and activities have threads of their own.
  PYTHON_THREADPOOL_THREAD_COUNT: '32'
}
// In the place of a secret, the identity of the app answers for it: the registration trusts it by a federated credential.
var authSecretSetting = 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
var authHostSettings = empty(authClientId) ? {} : { '${authSecretSetting}': identityClientId }
var ipRestrictions = empty(allowedIpRanges) ? {} : {
  ipSecurityRestrictionsDefaultAction: 'Deny'
  ipSecurityRestrictions: map(allowedIpRanges, (range, index) => {
    name: 'allowed-${index}'
    priority: 100 + index
    action: 'Allow'
    ipAddress: range
  })
}
var alwaysReady = filter(
  [
    { name: 'http', instanceCount: alwaysReadyHttp }
    { name: 'durable', instanceCount: alwaysReadyDurable }
  ], group => group.instanceCount > 0)

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: union({
      http20Enabled: true
      minTlsVersion: '1.2'
    }, ipRestrictions)
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobUrl}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
      scaleAndConcurrency: {
        alwaysReady: alwaysReady
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        triggers: {
          http: { perInstanceConcurrency: httpConcurrency }
        }
      }
    }
  }
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(hostSettings, authHostSettings, settings)
  // The app trusts the headers of who is signed in as soon as it is told to: until then anybody could send them.
  dependsOn: [authentication]
}

// Who is not signed in gets through to the app, which refuses: probes, holders of links and operators come without.
resource authentication 'Microsoft.Web/sites/config@2025-03-01' = if (!empty(authClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: { requireHttps: true }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          clientSecretSettingName: authSecretSetting
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: { allowedAudiences: [authClientId, 'api://${authClientId}'] }
      }
    }
    // Reviewers' links have their secret behind the #.
    login: { preserveUrlFragmentsForLogins: true }
  }
}

resource ftpCredentials 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scmCredentials 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
