using '../../main.bicep'

param environmentName = 'dev'
param location = 'swedencentral'
param modelLocation = 'swedencentral'
param principalId = '00000000-0000-0000-0000-000000000001'
param vnetEnabled = true
param redisEnabled = true
param alertEmail = 'operator@example.com'
param approvalAlertHours = 48
