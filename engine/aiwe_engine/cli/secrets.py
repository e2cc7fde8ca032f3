"""`aiwe secrets`: to set, list and delete secrets, of a running engine or a stopped one.

A value comes from standard input, never from the command line, which others of the machine can read and
shells remember.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from getpass import getpass
from typing import Any
from urllib.parse import quote

from aiwe_engine.cli.place import place
from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.errors import RequestError
from aiwe_engine.vault.secret import check_hosts, check_id, check_value

PATH = "/editor/api/secrets"
_NO_HOSTS = "none"


def run(options: argparse.Namespace, configuration: Configuration) -> int:
    """Does one of the commands."""
    return _COMMANDS[options.secrets](options, configuration)


def _ask(
    options: argparse.Namespace,
    configuration: Configuration,
    method: str,
    path: str,
    body: Any = None,
    query: dict[str, str] | None = None,
) -> Any:
    async def asked() -> Any:
        async with place(options.data, configuration, make=options.secrets == "set") as where:
            return await where.secrets(method, path, query or _whose(options), body)

    return asyncio.run(asked())


def _whose(options: argparse.Namespace) -> dict[str, str]:
    return {name: said for name in ("app", "env") if (said := getattr(options, name, None))}


def _path(options: argparse.Namespace) -> str:
    return f"{PATH}/{quote(check_id(options.id), safe='')}"


def _set(options: argparse.Namespace, configuration: Configuration) -> int:
    check_id(options.id)
    hosts = _hosts(options)
    body: dict[str, Any] = {"value": _value(), "hosts": hosts}
    if options.places is not None:
        body["in"] = _listed(options.places)
    if options.description is not None:
        body["description"] = options.description
    kept = _ask(options, configuration, "PUT", _path(options), body)
    if options.json:
        print(json.dumps(kept, ensure_ascii=False))
        return 0
    where = ", ".join(kept["hosts"]) or "no host: it is usable nowhere until --hosts names one"
    size = len(body["value"].encode())
    print(f"{kept['id']} ({_of(kept)}): {size} bytes stored, for {where}", file=sys.stderr)
    return 0


def _hosts(options: argparse.Namespace) -> list[str]:
    said = options.hosts
    if said is None:
        if not sys.stdin.isatty():
            raise RequestError(
                "It is not said where the secret may be sent.",
                code="hosts_needed",
                hint="Name the hosts, as in --hosts api.sendgrid.com,localhost:8025. With --hosts none it is "
                "stored, and usable nowhere.",
            )
        print("Hosts that it may be sent to, as in api.sendgrid.com (none: usable nowhere yet): ",
              end="", file=sys.stderr, flush=True)  # fmt: skip
        said = sys.stdin.readline()
    return list(check_hosts([] if said.strip() == _NO_HOSTS else _listed(said)))


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _value() -> str:
    """The value of standard input, less one line break at its end."""
    if sys.stdin.isatty():
        value = getpass("Value (it is not shown): ").encode()
        print(f"{len(value)} bytes read.", file=sys.stderr)
    else:
        value = sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
    return check_value(value).decode()


def _list(options: argparse.Namespace, configuration: Configuration) -> int:
    found = _ask(options, configuration, "GET", PATH)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    if not found["secrets"]:
        print("There are no secrets.", file=sys.stderr)
        return 0
    heads = ("ID", "FOR", "HOSTS", "IN", "LAST USED", "CREATED", "BY")
    rows = [heads]
    for one in found["secrets"]:
        state = (
            "cannot be opened"
            if "problem" in one
            else ", ".join(one["hosts"]) or "none: usable nowhere"
        )
        places = ", ".join(["header", *one["in"]])
        rows.append((one["id"], _of(one), state, places, (one["lastUsed"] or "-")[:19],
                     one["createdAt"][:10], one["createdBy"]))  # fmt: skip
    widths = [max(len(row[at]) for row in rows) for at in range(len(heads))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return 0


def _show(options: argparse.Namespace, configuration: Configuration) -> int:
    about = _ask(options, configuration, "GET", _path(options))
    if options.json:
        print(json.dumps(about, ensure_ascii=False))
        return 0
    for name, said in about.items():
        if name in {"exists", "problem"}:
            continue
        text = ", ".join(said) if isinstance(said, list) else "each" if said is None else said
        print(f"{name:<12}{text if text != '' else '-'}")
    if "problem" in about:
        print(f"{'problem':<12}{about['problem']['message']}")
    return 0


def _delete(options: argparse.Namespace, configuration: Configuration) -> int:
    said = _ask(options, configuration, "DELETE", _path(options))
    print(json.dumps(said) if options.json else f"{options.id} deleted",
          file=sys.stdout if options.json else sys.stderr)  # fmt: skip
    return 0


def _rotate(options: argparse.Namespace, configuration: Configuration) -> int:
    done = _ask(options, configuration, "POST", "/secrets/rotate", {"forget": options.forget}, {})
    if options.json:
        print(json.dumps(done))
    else:
        print(
            f"the key {done['key']} seals from now on; {done['sealed']} records sealed anew",
            file=sys.stderr,
        )
        if done["unreadable"]:
            print(
                f"{done['unreadable']} records cannot be opened: their key is missing",
                file=sys.stderr,
            )
        if done["kept"]:
            print(
                f"kept for older backups: {', '.join(done['kept'])} (--forget takes them away)",
                file=sys.stderr,
            )
        if done["forgotten"]:
            print(
                f"forgotten: {', '.join(done['forgotten'])}; backups from before need them",
                file=sys.stderr,
            )
    return 1 if done["unreadable"] else 0


def _audit(options: argparse.Namespace, configuration: Configuration) -> int:
    query = {"limit": str(options.limit), **({"id": options.id} if options.id else {})}
    found = _ask(options, configuration, "GET", "/secrets/audit", None, query)
    if options.json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    for one in reversed(found["entries"]):
        rest = {
            k: v
            for k, v in one.items()
            if k not in {"time", "what", "secret"} and v not in (None, "")
        }
        told = " ".join(
            f"{k}={json.dumps(v) if isinstance(v, dict) else v}" for k, v in rest.items()
        )
        print(f"{one['time'][:19]}  {one['what']:<8} {one.get('secret') or '-'}  {told}")
    return 0


def _of(one: dict[str, Any]) -> str:
    return f"{one['app'] or 'each app'}, {one['env'] or 'each environment'}"


_COMMANDS = {
    "set": _set,
    "list": _list,
    "show": _show,
    "delete": _delete,
    "rotate-key": _rotate,
    "audit": _audit,
}
