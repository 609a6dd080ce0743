using '../../main.bicep'

param environmentName = 'prod'
param location = 'swedencentral'
param modelLocation = 'swedencentral'
param principalId = '00000000-0000-0000-0000-000000000001'
param principalType = 'Group'
param zoneRedundant = true
param allowedIpRanges = ['203.0.113.0/24', '198.51.100.7/32']
param blobSoftDeleteDays = 30
param outboxRetentionDays = 90
param vaultPurgeProtection = true
param logDailyCapGb = 5
param alertEmail = 'operator@example.com'
param monthlyBudget = 200
param budgetStart = '2026-12-01'
param extraTags = { costCenter: '4711', 'azd-env-name': 'mine' }
