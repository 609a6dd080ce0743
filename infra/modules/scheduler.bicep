import { tagsType } from '../types.bicep'

@description('Name of the scheduler.')
param name string

@description('Where it is.')
param location string

@description('Tags of every resource.')
param tags tagsType

@description('Consumption is paid by action, Dedicated by capacity unit.')
param sku 'Consumption' | 'Dedicated'

@description('Capacity units of the Dedicated SKU.')
param capacity int

@description('Days after which runs that are over are forgotten.')
param retentionDays int

@description('Whether the scheduler is reached through a private endpoint only.')
param isPrivate bool

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    // An empty list lets nobody in. Who may come in still needs a role.
    ipAllowlist: isPrivate ? [] : ['0.0.0.0/0']
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    sku: union({ name: sku }, sku == 'Dedicated' ? { capacity: capacity } : {})
  }
}

// Without one it forgets after 30 days, at any SKU. Consumption takes no more than these.
resource retention 'Microsoft.DurableTask/schedulers/retentionPolicies@2026-02-01' = {
  parent: scheduler
  name: 'default'
  properties: {
    retentionPolicies: [{ retentionPeriodInDays: retentionDays }]
  }
}
