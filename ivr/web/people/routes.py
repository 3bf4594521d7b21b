"""The pages about people: accounts, the audit, the telephone's state, the end of a shift."""

from ivr.web.people import account, audit, leave, state, tokens, users

ROUTES = [*account.ROUTES, *audit.ROUTES, *leave.ROUTES, *state.ROUTES, *tokens.ROUTES, *users.ROUTES]
# Below /admin/: the others are for admins.
FOR_SUPERVISORS = frozenset(route.path for route in audit.ROUTES)
