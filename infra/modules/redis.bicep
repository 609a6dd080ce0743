import { tagsType } from '../types.bicep'

@description('Name of the Redis.')
param name string

@description('Where it is.')
param location string

@description('Tags of every resource.')
param tags tagsType

@description('Size of the Redis, such as Balanced_B0.')
param sku string

@description('Whether it is reached through a private endpoint only.')
param isPrivate bool

@description('Object id of the identity of the app, which is the only user.')
param appPrincipalId string

resource cluster 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  properties: {
    // It holds streams of answers and nothing else: without it, answers come as a whole.
    highAvailability: 'Disabled'
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: cluster
  name: 'default'
  properties: {
    accessKeysAuthentication: 'Disabled'
    clientProtocol: 'Encrypted'
    // The client of the app does not know shards, which the policy OSSCluster would ask of it.
    clusteringPolicy: 'EnterpriseCluster'
    // Streams expire by themselves. When memory is full, new ones are refused and none that is being read is lost.
    evictionPolicy: 'NoEviction'
    port: 10000
  }
}

resource user 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = {
  parent: database
  // Letters and digits only.
  name: replace(guid(database.id, appPrincipalId), '-', '')
  properties: {
    accessPolicyName: 'default'
    user: { objectId: appPrincipalId }
  }
}

output id string = cluster.id
output url string = 'rediss://${cluster.properties.hostName}:${database.properties.port}'
