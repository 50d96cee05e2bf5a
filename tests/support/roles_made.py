"""The roles of the tests' servers: their passwords, and a database's URL for one of them."""

from thor.services.running import ROLES, Role, as_user, role_name

# Of servers that listen on loopback as long as a run lasts.
PASSWORDS: dict[Role, str] = {role: f"of-{role}" for role in ROLES}


def as_role(url: str, role: Role = "app") -> str:
    """Return the URL of the same database for a role: jobs and the API are `app`."""
    return as_user(url, role_name(role), PASSWORDS[role])
