using '../../main.bicep'

param environmentName = 'dev'
param location = 'swedencentral'
param modelLocation = 'swedencentral'
param principalId = '00000000-0000-0000-0000-000000000001'
param principalType = 'ServicePrincipal'
param extraSettings = { MAIL_FROM: 'agents@example.com' }
