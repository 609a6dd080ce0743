using '../../main.bicep'

param environmentName = 'dev'
param location = 'swedencentral'
param modelLocation = 'swedencentral'
param principalId = '00000000-0000-0000-0000-000000000001'
param schedulerSku = 'Dedicated'
param schedulerCapacity = 3
param runRetentionDays = 89
param alwaysReadyHttp = 1
param alwaysReadyDurable = 1
param pythonVersion = '3.13'
