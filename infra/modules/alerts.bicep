import { tagsType } from '../types.bicep'

@description('Name of the action group, and beginning of the names of the alerts.')
param name string

@description('Where the alerts are.')
param location string

@description('Tags of every resource.')
param tags tagsType

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Who is told.')
param email string

@description('Hours after which an approval has waited too long.')
param approvalHours int

// What each means and what to do stands in docs/operations.md, with the same queries.
var alerts = [
  {
    name: 'failed-runs'
    title: 'Runs have failed'
    severity: 2
    minutes: 15
    query: '''
AppMetrics
| where Name == 'durable_agents.runs.ended' and tostring(Properties.state) == 'Failed'
| summarize Failed = sum(Sum) by Orchestration = tostring(Properties.orchestration)
| where Failed > 0
'''
  }
  {
    name: 'model-busy'
    title: 'The model refuses requests'
    severity: 2
    minutes: 15
    query: '''
AppMetrics
| where Name == 'durable_agents.failed_attempts'
| where tostring(Properties['error.type']) in ('rate_limited', 'quota_exceeded')
| summarize Attempts = sum(Sum) by Agent = tostring(Properties.agent)
| where Attempts >= 5
'''
  }
  {
    name: 'old-approvals'
    title: 'An approval waits too long'
    severity: 3
    minutes: 30
    query: replace('''
AppMetrics
| where Name == 'durable_agents.approvals.oldest'
| summarize Hours = max(Sum) / 3600 by Orchestration = tostring(Properties.orchestration)
| where Hours > approval_hours
''', 'approval_hours', string(approvalHours))
  }
  {
    name: 'no-instance'
    title: 'No instance of the app works'
    severity: 1
    minutes: 60
    query: '''
AppMetrics
| where Name == 'durable_agents.runs'
| summarize Sweeps = count()
| where Sweeps == 0
'''
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'agents'
    emailReceivers: [{ name: 'operator', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in alerts: {
    name: '${name}-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.title
      description: 'See docs/operations.md'
      severity: alert.severity
      enabled: true
      scopes: [workspace.id]
      evaluationFrequency: 'PT15M'
      windowSize: 'PT${alert.minutes}M'
      autoMitigate: true
      // Until the app has sent something, its metrics are in no table.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: [people.id] }
    }
  }
]
