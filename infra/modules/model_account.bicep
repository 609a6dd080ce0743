import { tagsType } from '../types.bicep'

@description('Name of the account, and of its subdomain, which is unique in the world.')
param name string

@description('Where it is.')
param location string

@description('Tags of every resource.')
param tags tagsType

@description('Name of the deployment.')
param deploymentName string

@description('Name of the model.')
param modelName string

@description('Version of the model.')
param modelVersion string

@description('Kind of the deployment, such as GlobalStandard.')
param deploymentSku string

@description('Thousands of tokens a minute.')
param capacity int

@description('Name of the Log Analytics workspace that keeps who called the model.')
param workspaceName string

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'AIServices'
  sku: { name: 'S0' }
  // It has no role anywhere: policies ask for one, and an account with its own keys would use it.
  identity: { type: 'SystemAssigned' }
  properties: {
    customSubDomainName: name
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

resource deployment 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = {
  parent: account
  name: deploymentName
  sku: {
    name: deploymentSku
    capacity: capacity
  }
  properties: {
    model: {
      format: 'OpenAI'
      name: modelName
      version: modelVersion
    }
    versionUpgradeOption: 'OnceCurrentVersionExpired'
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

// A row for each request, without a word of it.
// The stable version is of 2016 and knows no category groups.
#disable-next-line use-recent-api-versions
resource requests 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'requests'
  scope: account
  properties: {
    workspaceId: workspace.id
    logs: [
      { category: 'Audit', enabled: true }
      { category: 'RequestResponse', enabled: true }
    ]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}
