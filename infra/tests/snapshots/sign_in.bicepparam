using '../../main.bicep'

param environmentName = 'dev'
param location = 'swedencentral'
param modelLocation = 'swedencentral'
param principalId = '00000000-0000-0000-0000-000000000001'
param authEnabled = true
param authClientId = '00000000-0000-0000-0000-000000000002'
