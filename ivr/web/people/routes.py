"""The pages about people: accounts, the audit, the telephone's state, the end of a shift."""

from ivr.web.people import account, state, users

ROUTES = [*account.ROUTES, *state.ROUTES, *users.ROUTES]
