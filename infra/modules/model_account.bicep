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

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'AIServices'
  sku: { name: 'S0' }
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
