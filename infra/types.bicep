@export()
@description('Who gets roles: an Entra principal, by its object id.')
type granteeType = {
  id: string
  type: 'User' | 'Group' | 'ServicePrincipal'
}

@export()
@description('The tags of a resource.')
type tagsType = { *: string }

@export()
@description('Settings of an app by their names.')
type settingsType = { *: string }
