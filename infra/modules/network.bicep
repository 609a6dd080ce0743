import { tagsType } from '../types.bicep'

@description('Name of the virtual network.')
param name string

@description('Where it and its endpoints are.')
param location string

@description('Tags of every resource.')
param tags tagsType

@description('Id of the storage account.')
param storageId string

@description('Id of the scheduler.')
param schedulerId string

@description('Id of the Redis, or empty.')
param redisId string

var appSubnet = 'app'
var endpointSubnet = 'endpoints'
var storageSuffix = environment().suffixes.storage
// What the app reaches through the network: the group of services in a resource, and the zone of their private names.
var targets = filter(
  [
    { name: 'blob', id: storageId, group: 'blob', zone: 'privatelink.blob.${storageSuffix}' }
    { name: 'queue', id: storageId, group: 'queue', zone: 'privatelink.queue.${storageSuffix}' }
    { name: 'table', id: storageId, group: 'table', zone: 'privatelink.table.${storageSuffix}' }
    { name: 'scheduler', id: schedulerId, group: 'scheduler', zone: 'privatelink.durabletask.io' }
    { name: 'redis', id: redisId, group: 'redisEnterprise', zone: 'privatelink.redis.azure.net' }
  ], target => !empty(target.id))

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] }
    subnets: [
      {
        // For the instances of the app alone: a delegated subnet holds nothing else.
        name: appSubnet
        properties: {
          addressPrefix: '10.0.1.0/24'
          // The model, the vault, Application Insights and Entra are reached by their public names. Newer versions of this
          // API give a subnet no way out unless it is said; in production, a NAT gateway can take its place.
          defaultOutboundAccess: true
          delegations: [
            {
              name: 'flex-consumption'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: endpointSubnet
        properties: {
          addressPrefix: '10.0.2.0/24'
          // Endpoints only answer.
          defaultOutboundAccess: false
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for target in targets: {
    name: target.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (target, index) in targets: {
    parent: zones[index]
    name: 'link-${target.name}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: network.id }
    }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for target in targets: {
    name: 'pe-${name}-${target.name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: '${network.id}/subnets/${endpointSubnet}' }
      privateLinkServiceConnections: [
        {
          name: target.name
          properties: {
            // It is an id: that of a parameter, by way of the list.
            #disable-next-line use-resource-id-functions
            privateLinkServiceId: target.id
            groupIds: [target.group]
          }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (target, index) in targets: {
    parent: endpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: target.name
          properties: { privateDnsZoneId: zones[index].id }
        }
      ]
    }
  }
]

output appSubnetId string = '${network.id}/subnets/${appSubnet}'
