@export()
@description('Who gets roles: an Entra principal, by its object id.')
type granteeType = {
  id: string
  type: 'User' | 'Group' | 'ServicePrincipal'
}
