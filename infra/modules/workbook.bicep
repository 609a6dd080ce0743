import { tagsType } from '../types.bicep'

@description('Title of the workbook.')
param title string

@description('Where it is.')
param location string

@description('Tags of every resource.')
param tags tagsType

@description('Name of the Log Analytics workspace.')
param workspaceName string

// The queries stand in docs/operations.md too.
resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspace.id, 'agents')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: title
    category: 'workbook'
    sourceId: workspace.id
    serializedData: loadTextContent('workbook.json')
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}
