import { granteeType } from '../types.bicep'

@description('Name of the model account, which exists in this resource group.')
param accountName string

@description('Who may use its models.')
param grantees granteeType[]

var cognitiveServicesOpenAIUser = '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' existing = {
  name: accountName
}

resource users 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for grantee in grantees: {
    name: guid(account.id, grantee.id, cognitiveServicesOpenAIUser)
    scope: account
    properties: {
      principalId: grantee.id
      principalType: grantee.type
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', cognitiveServicesOpenAIUser)
    }
  }
]

output endpoint string = 'https://${account.properties.customSubDomainName}.openai.azure.com/'
