"""Read the rights on a view or function, to grant them again when it is re-created.

Used by `thor.database.schema` around a drop.
"""

from typing import Any

import msgspec

from thor.database import Connection

_ACL = {
    "function": "select proacl from pg_proc where oid = to_regprocedure(%(name)s::text)",
    "table": "select relacl from pg_class where oid = to_regclass(%(name)s::text)",
}
_GRANTED = (
    "case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end "
    "|| case when a.is_grantable then ' with grant option' else '' end"
)


class Grant(msgspec.Struct, frozen=True):
    """A statement that grants or revokes a right on the object `on`."""

    on: str
    statement: str


def on(driver: Connection[Any], name: str) -> list[Grant]:
    """Return the statements that restore the rights on a view or function, in order.

    The default right of everyone on a function is revoked first.
    """
    kind = "function" if name.endswith(")") else "table"
    values = {"kind": kind, "name": name}
    acl = driver.execute(_ACL[kind], values).fetchone()
    if acl is None or acl[0] is None:
        return _on_columns(driver, values) if kind == "table" else []
    found = driver.execute(
        "select format('grant %%s on %%s %%s to ', a.privilege_type, %(kind)s::text, "
        f"%(name)s::text) || {_GRANTED} from aclexplode(({_ACL[kind]})) as a "
        "where a.grantee <> a.grantor",
        values,
    ).fetchall()
    grants = [Grant(name, statement) for (statement,) in found]
    if kind == "table":
        return grants + _on_columns(driver, values)
    return [Grant(name, f"revoke execute on function {name} from public"), *grants]


def _on_columns(driver: Connection[Any], values: dict[str, str]) -> list[Grant]:
    found = driver.execute(
        "select format('grant %%s (%%I) on %%s to ', a.privilege_type, c.attname, "
        f"%(name)s::text) || {_GRANTED} from pg_attribute as c, aclexplode(c.attacl) as a "
        "where c.attrelid = to_regclass(%(name)s::text) and c.attacl is not null "
        "and a.grantee <> a.grantor",
        {"name": values["name"]},
    ).fetchall()
    return [Grant(values["name"], statement) for (statement,) in found]
