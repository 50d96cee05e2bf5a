"""`thor user`, `thor key` and `thor audit`: who may log in, programs' keys, and who did what.

Reads and changes the schema people; what a command changes is in the audit, as `cli:` and the
user that runs it.
"""

import getpass
import sys
from typing import Annotated, Any

import typer

from thor.cli.common import AsJson, console, instant, open_database, show
from thor.domain.people import Identity, Role, role_of, scopes_of
from thor.errors import Rejected

user_app = typer.Typer(no_args_is_help=True, help="Accounts: add, approve, change, disable.")
key_app = typer.Typer(no_args_is_help=True, help="Keys of programs: add, list, revoke.")

Email = Annotated[str, typer.Argument(help="The account's e-mail address.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@user_app.command("add")
def add(
    email: Email,
    role: Annotated[str, typer.Option(help="viewer, trader, admin or owner.")] = "trader",
    name: Annotated[str, typer.Option(help="The name for people.")] = "",
    zone: Annotated[str, typer.Option(help="The time zone of its pages.")] = "America/Chicago",
    password_stdin: FromStdin = False,
) -> None:
    """Add an account, approved at once; asks for its password."""
    from thor import database
    from thor.people import accounts

    wanted = role_of(role)
    given = accounts.NewAccount(
        email=email, password=_password(password_stdin), display_name=name, time_zone=zone
    )
    with open_database() as connection, database.transaction(connection):
        number = accounts.add(connection, given, wanted, _me().name)
        if number is None:
            raise Rejected(f"email: {email} has an account; `thor user list` lists them")
        row = accounts.listed(connection, number)[0]
        _audit(connection, "thor user add", row["email"], after={"role": wanted.name})
    console.print(f"{row['email']} may log in as {wanted.name}", markup=False, highlight=False)


@user_app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the accounts."""
    from thor.people import accounts

    with open_database() as connection:
        rows = accounts.listed(connection)
    if as_json:
        show(rows, "accounts", as_json=True)
        return
    shown = [
        {
            "email": row["email"],
            "role": row["role"],
            "state": _state(row),
            "2nd factor": "yes" if row["has_totp"] else "no",
            "last login, UTC": row["last_login_at"],
        }
        for row in rows
    ]
    show(shown, "accounts", as_json=False)


@user_app.command("approve")
def approve(email: Email, as_json: AsJson = False) -> None:
    """Let an account log in that has registered."""
    _change("thor user approve", email, as_json, is_approved=True)


@user_app.command("role")
def role(
    email: Email,
    new: Annotated[str, typer.Argument(help="viewer, trader, admin or owner.")],
    as_json: AsJson = False,
) -> None:
    """Give an account another role; counts at once."""
    _change("thor user role", email, as_json, role=new)


@user_app.command("disable")
def disable(email: Email, as_json: AsJson = False) -> None:
    """Keep an account from logging in, and end its sessions."""
    _change("thor user disable", email, as_json, is_enabled=False)


@user_app.command("enable")
def enable(email: Email, as_json: AsJson = False) -> None:
    """Let an account log in again."""
    _change("thor user enable", email, as_json, is_enabled=True)


@user_app.command("password")
def password(email: Email, password_stdin: FromStdin = False) -> None:
    """Set the password of who has forgotten it, and end the account's sessions."""
    from thor import database
    from thor.people import accounts, passwords

    text = _password(password_stdin)
    with open_database() as connection, database.transaction(connection):
        row = accounts.by_email(connection, email)
        passwords.checked("password", text, row["email"], row["display_name"])
        accounts.set_password(connection, row["user_id"], text)
        _audit(connection, "thor user password", row["email"])
    console.print(f"{row['email']} has another password, and no session", markup=False)


@user_app.command("totp-off")
def totp_off(email: Email) -> None:
    """Take away the second factor of who has lost it."""
    from thor import database
    from thor.people import accounts

    with open_database() as connection, database.transaction(connection):
        row = accounts.by_email(connection, email)
        accounts.clear_totp(connection, row["user_id"])
        _audit(connection, "thor user totp-off", row["email"])
    console.print(f"{row['email']} logs in by password alone", markup=False)


@user_app.command("setup-link")
def setup_link() -> None:
    """Print a link that sets up the first owner: good once, for a day."""
    with open_database() as connection:
        link = new_setup_link(connection, _web())
    console.print(link, markup=False, highlight=False, soft_wrap=True)


@key_app.command("add")
def add_key(
    email: Email,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="read, trade or admin; may be given more than once.")
    ] = None,
    days: Annotated[int, typer.Option(min=0, help="Days until it ends; 0: it does not.")] = 365,
    as_json: AsJson = False,
) -> None:
    """Make a key of an account for a program; it is printed this once."""
    from thor import database
    from thor.people import accounts, keys

    scopes = scopes_of(scope or ["read"])
    with open_database() as connection, database.transaction(connection):
        row = accounts.by_email(connection, email)
        made = keys.add(connection, row["user_id"], name, scopes, days or None)
        what = {"name": name, "scopes": sorted(scopes)}
        _audit(connection, "thor key add", made.prefix, after=what)
    if as_json:
        show([{"key_id": made.key_id, "key": made.key}], "key", as_json=True)
        return
    console.print(made.key, markup=False, highlight=False, soft_wrap=True)


@key_app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List the keys of all accounts."""
    from thor.people import keys

    with open_database() as connection:
        rows = keys.listed(connection, None)
    if as_json:
        show(rows, "keys", as_json=True)
        return
    shown = [
        {
            "id": row["key_id"],
            "owner": row["owner"],
            "name": row["name"],
            "begins": row["prefix"],
            "scopes": ", ".join(row["scopes"]),
            "ends": row["expires_at"],
            "last used": row["last_used_at"],
            "revoked": row["revoked_at"],
        }
        for row in rows
    ]
    show(shown, "keys, UTC", as_json=False)


@key_app.command("revoke")
def revoke(
    key_id: Annotated[int, typer.Argument(help="Its number, of `thor key list`.")],
) -> None:
    """Take a key back; it is worth nothing from now on."""
    from thor import database
    from thor.people import keys

    with open_database() as connection, database.transaction(connection):
        row = keys.revoke(connection, key_id, _me())
        _audit(connection, "thor key revoke", row["prefix"])
    console.print(f"{row['prefix']} of {row['owner']} is revoked", markup=False, highlight=False)


def audit(
    who: Annotated[str | None, typer.Option(help="Whose calls.")] = None,
    route: Annotated[str | None, typer.Option(help="A part of method and route.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="First moment, ISO 8601.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The moment after the last.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Newest rows.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who did what and who tried, newest first."""
    from thor import database

    values: dict[str, Any] = {
        "who": who,
        "route": route,
        "ts_from": None if since is None else instant("--from", since),
        "ts_to": None if until is None else instant("--to", until),
        "before": None,
        "limit": limit,
    }
    with open_database() as connection:
        rows = database.rows(connection, "audit", values)
    if as_json:
        show(rows, "audit", as_json=True)
        return
    shown = [
        {
            "at": f"{row['at']:%Y-%m-%d %H:%M:%S}",
            "who": row["who"],
            "what": f"{row['method']} {row['route']}",
            "status": row["status"],
            "object": row["object"],
        }
        for row in rows
    ]
    show(shown, "audit, UTC", as_json=False)


def new_setup_link(connection: Any, web: str) -> str:
    """Return a link to the pages at an address that sets up the first owner.

    Raises `Refused` where there is one.
    """
    from thor import database
    from thor.people import accounts

    with database.transaction(connection):
        token = accounts.make_link(connection, _me().name)
        _audit(connection, "thor user setup-link", None)
    return f"{web}/setup?token={token}"


def login_row(connection: Any, auth: str, nature: str, web: str) -> tuple[str, str, str]:
    """Return how people log in to a Thor that has just started: what, where, what to do.

    Where they have to and nobody can yet, that is a link for the first owner.
    """
    from thor.people import accounts

    if accounts.has_owner(connection) and auth != "off":
        return ("login", f"{web}/login", "thor user list")
    if auth == "on" or nature == "live":
        return ("set up", "opens once, for a day", new_setup_link(connection, web))
    return ("login", "nobody logs in yet", "thor user setup-link")


def _web() -> str:
    """Return where the pages of this home are, or are to be."""
    from thor.config import Settings
    from thor.services.home import Home, is_there

    settings = Settings()
    home = Home(settings.home)
    port = home.ports().get("api") if is_there(home.path) else None
    return f"http://127.0.0.1:{port or settings.api_port or 8000}"


def _me() -> Identity:
    """Return who runs the command: it has the database's password, so it may do everything."""
    return Identity(name=f"cli:{getpass.getuser()}", role=Role.OWNER)


def _change(command: str, email: str, as_json: bool, **given: Any) -> None:
    from thor import database
    from thor.people import accounts

    with open_database() as connection, database.transaction(connection):
        found = accounts.by_email(connection, email)
        before, after = accounts.change(connection, found["user_id"], _me(), **given)
        names = ("role", "is_approved", "is_enabled")
        _audit(
            connection,
            command,
            after["email"],
            before={name: before[name] for name in names},
            after={name: after[name] for name in names},
        )
    if as_json:
        show([after], "account", as_json=True)
        return
    console.print(f"{after['email']}: {after['role']}, {_state(after)}", markup=False)


def _audit(
    connection: Any, command: str, what: str | None, *, before: Any = None, after: Any = None
) -> None:
    from thor.people import audit as rows

    entry = rows.Entry(
        who=_me().name,
        role=_me().role.name,
        method="CLI",
        route=command,
        status=200,
        object=what,
        before=before,
        after=after,
    )
    rows.add(connection, entry)


def _state(row: dict[str, Any]) -> str:
    if not row["is_approved"]:
        return "waits for approval"
    return "may log in" if row["is_enabled"] else "disabled"


def _password(is_piped: bool) -> str:
    if is_piped:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Rejected("password: there is no terminal to ask on; pipe it to --password-stdin")
    text: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return text
