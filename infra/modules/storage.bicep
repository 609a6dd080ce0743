import { granteeType, tagsType } from '../types.bicep'

@description('Name of the storage account.')
param name string

@description('Where it is.')
param location string

@description('Tags of every resource.')
param tags tagsType

@description('Name of the blob container of the package, which only the identity of the app reaches.')
param packageContainer string

@description('Name of the blob container of the audit log, which nobody else writes to.')
param auditContainer string

@description('Names of the blob containers with the data of the app.')
param dataContainers string[]

@description('Whether the account is kept in three zones.')
param zoneRedundant bool

@description('Days for which a deleted blob or container can be restored, or 0.')
param softDeleteDays int

@description('Name of the container whose blobs are deleted some time after they were written.')
param outboxContainer string

@description('Days after which they are, or 0: never.')
param outboxRetentionDays int

@description('Name of the Log Analytics workspace that keeps who deleted what.')
param workspaceName string

@description('Whether the account is reached through private endpoints only.')
param isPrivate bool

@description('Object id of the identity of the app.')
param appPrincipalId string

@description('Who may read and write the data beside the app.')
param developers granteeType[]

var storageBlobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var storageBlobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var storageQueueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var storageTableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'

// The Functions host keeps its locks, timers and keys in these, and makes them unless they are there.
var hostContainers = ['azure-webjobs-hosts', 'azure-webjobs-secrets']
var appContainers = concat([packageContainer, auditContainer], dataContainers)
// What the app has on the whole account, for nobody knows its names beforehand, and nothing else in it. Queues: one of the
// host's MCP extension for each instance. Tables: the host's diagnostics, one a month, beside the list of sessions.
var accountRoles = [
  storageQueueDataContributor
  storageTableDataContributor
]
var sessionTable = 'sessions'
var softDelete = softDeleteDays > 0 ? { enabled: true, days: softDeleteDays } : { enabled: false }
// Each developer with each container: one role on one container.
var developerGrants = flatten(map(developers, developer => map(dataContainers, (container, index) => {
  index: index + 2
  id: developer.id
  type: developer.type
})))

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: softDelete
    containerDeleteRetentionPolicy: softDelete
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for container in appContainers: {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

resource blobContainersOfHost 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for container in hostContainers: {
    parent: blobs
    name: container
    properties: { publicAccess: 'None' }
  }
]

resource tables 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource sessions 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = {
  parent: tables
  name: sessionTable
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = if (outboxRetentionDays > 0) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'outbox'
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['${outboxContainer}/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: outboxRetentionDays } } }
          }
        }
      ]
    }
  }
  dependsOn: [blobContainers]
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

// Deletions only: the host alone writes several times a minute.
// The stable version is of 2016 and knows no workspace.
#disable-next-line use-recent-api-versions
resource deletions 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'deletions'
  scope: blobs
  properties: {
    workspaceId: workspace.id
    logs: [{ category: 'StorageDelete', enabled: true }]
  }
}

// Owner is what the Functions host is documented to need. There is nothing but its own in these.
resource hostAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (container, index) in hostContainers: {
    name: guid(blobContainersOfHost[index].id, appPrincipalId, storageBlobDataOwner)
    scope: blobContainersOfHost[index]
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataOwner)
    }
  }
]

resource containerAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (container, index) in appContainers: {
    name: guid(blobContainers[index].id, appPrincipalId, storageBlobDataContributor)
    scope: blobContainers[index]
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    }
  }
]

resource accountAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in accountRoles: {
    name: guid(account.id, appPrincipalId, role)
    scope: account
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource blobDevelopers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grantee in developerGrants: {
    name: guid(blobContainers[grantee.index].id, grantee.id, storageBlobDataContributor)
    scope: blobContainers[grantee.index]
    properties: {
      principalId: grantee.id
      principalType: grantee.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageBlobDataContributor)
    }
  }
]

resource tableDevelopers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grantee in developers: {
    name: guid(sessions.id, grantee.id, storageTableDataContributor)
    scope: sessions
    properties: {
      principalId: grantee.id
      principalType: grantee.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', storageTableDataContributor)
    }
  }
]

output id string = account.id
output name string = account.name
output blobUrl string = account.properties.primaryEndpoints.blob
output queueUrl string = account.properties.primaryEndpoints.queue
output tableUrl string = account.properties.primaryEndpoints.table
