import { granteeType } from '../types.bicep'

@description('Name of the scheduler, which exists in this resource group.')
param schedulerName string

@description('Name of the task hub. No two apps and no two environments share one.')
param name string

@description('Who may schedule work, do it, and see it in the dashboard.')
param grantees granteeType[]

var durableTaskDataContributor = '0ad04412-c4d5-4796-b79c-f76d14c8d402'

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' existing = {
  name: schedulerName
}

resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2026-02-01' = {
  parent: scheduler
  name: name
}

// On the hub, not on the scheduler: the identity of one environment does not reach the runs of another.
resource contributors 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grantee in grantees: {
    name: guid(hub.id, grantee.id, durableTaskDataContributor)
    scope: hub
    properties: {
      principalId: grantee.id
      principalType: grantee.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', durableTaskDataContributor)
    }
  }
]

output schedulerId string = scheduler.id
output endpoint string = scheduler.properties.endpoint
output name string = hub.name
