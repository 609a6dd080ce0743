import { tagsType } from '../types.bicep'

@description('Name of the key vault.')
param name string

@description('Where it is.')
param location string

@description('Tags of every resource.')
param tags tagsType

@description('Object id of the identity of the app, which may read the keys.')
param appPrincipalId string

@description('Whether nobody can purge the vault before its time, not even who owns it. It cannot be undone.')
param purgeProtection bool

@description('Name of the Log Analytics workspace that keeps who read what.')
param workspaceName string

@secure()
@description('Signs the links of reviewers. Never passed: each deployment makes one up, and only the first one is stored.')
param key string = '${newGuid()}${newGuid()}'

@secure()
@description('Stands for the key before the first rotation. Nothing is signed with it.')
param previousKey string = '${newGuid()}${newGuid()}'

@secure()
@description('Opens what operators do. Made up and stored as the others are.')
param operatorKey string = '${newGuid()}${newGuid()}'

var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    enableRbacAuthorization: true
    sku: {
      family: 'A'
      name: 'standard'
    }
    softDeleteRetentionInDays: 7
    // Azure refuses false.
    enablePurgeProtection: purgeProtection ? true : null
    tenantId: tenant().tenantId
  }
}

// Stored once, then left alone: a new value would end every link that reviewers have, and undo a rotation.
@onlyIfNotExists()
resource keySecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: 'approval-link-key'
  properties: { value: key }
}

@onlyIfNotExists()
resource previousKeySecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: 'approval-link-previous-key'
  properties: { value: previousKey }
}

@onlyIfNotExists()
resource operatorKeySecret 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = {
  parent: vault
  name: 'operator-key'
  properties: { value: operatorKey }
}

resource secretsUser 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, keyVaultSecretsUser)
  scope: vault
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsUser)
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

// The stable version is of 2016 and knows no category groups.
#disable-next-line use-recent-api-versions
resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspace.id
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

output vaultName string = vault.name
// Without a version, so that a new version of a secret reaches the app without a deployment.
output keyReference string = '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/${keySecret.name})'
output previousKeyReference string = '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/${previousKeySecret.name})'
output operatorKeyReference string = '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/${operatorKeySecret.name})'
