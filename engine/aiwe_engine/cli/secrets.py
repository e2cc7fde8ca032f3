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
from aiwe_engine.secret import check_hosts, check_id, check_value

PATH = "/editor/api/secrets"
_NONE = "none"
_LONGEST_LINE = 4095  # bytes; what is more a terminal drops without a word


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
    body: dict[str, Any] = {"value": _value(), "hosts": hosts, **_about(options)}
    kept = _ask(options, configuration, "PUT", _path(options), body)
    if options.json:
        print(json.dumps(kept, ensure_ascii=False))
        return 0
    size = len(body["value"].encode())
    print(f"{kept['id']} ({_of(kept)}): {size} bytes stored, {_usable(kept)}", file=sys.stderr)
    return 0


def _change(options: argparse.Namespace, configuration: Configuration) -> int:
    body = _about(options)
    if options.hosts is not None:
        body["hosts"] = _hosts(options)
    if not body:
        raise RequestError(
            "It is not said what is to change.",
            code="nothing_to_change",
            hint="Say --hosts, --in or --description. Another value is stored by `aiwe secrets set`.",
        )
    kept = _ask(options, configuration, "PUT", _path(options), body)
    if options.json:
        print(json.dumps(kept, ensure_ascii=False))
        return 0
    places = ", ".join(["header", *kept["in"]])
    print(f"{kept['id']} ({_of(kept)}): {_usable(kept)}, in {places}", file=sys.stderr)
    return 0


def _about(options: argparse.Namespace) -> dict[str, Any]:
    """What is said beside value and hosts."""
    said: dict[str, Any] = {}
    if options.places is not None:
        said["in"] = _listed(options.places)
    if options.description is not None:
        said["description"] = options.description
    return said


def _usable(kept: dict[str, Any]) -> str:
    if kept["hosts"]:
        return f"for {', '.join(kept['hosts'])}"
    return (
        f"sent nowhere until `aiwe secrets change {kept['id']} --hosts HOST` names a host; "
        "Secrets.hmac and Secrets.matches work without"
    )


def _hosts(options: argparse.Namespace) -> list[str]:
    said = options.hosts
    if said is None:
        if not sys.stdin.isatty():
            raise RequestError(
                "It is not said where the secret may be sent.",
                code="hosts_needed",
                hint="Name the hosts, as in --hosts api.sendgrid.com,localhost:8025. With --hosts none it is "
                "sent nowhere; Secrets.hmac and Secrets.matches work with it.",
            )
        print("Hosts that it may be sent to, as in api.sendgrid.com (empty: none; hmac and matches work without): ",
              end="", file=sys.stderr, flush=True)  # fmt: skip
        said = sys.stdin.readline()
    return list(check_hosts(_listed(said)))


def _listed(text: str) -> list[str]:
    if text.strip() == _NONE:
        return []
    return [one.strip() for one in text.split(",") if one.strip()]


def _value() -> str:
    """The value of standard input, less one line break at its end."""
    if sys.stdin.isatty():
        value = _typed()
    else:
        value = sys.stdin.buffer.read().removesuffix(b"\n").removesuffix(b"\r")
    return check_value(value).decode()


def _typed() -> bytes:
    """One line of the terminal, which is not shown there."""
    try:
        text = getpass("Value (it is not shown): ")
    except EOFError:
        raise RequestError(
            "No value was typed.",
            code="secret_value_needed",
            hint="Type or paste it, then press Enter; or give a file: aiwe secrets set ID < FILE.",
        ) from None
    value = text.encode(errors="surrogateescape")
    print(f"{len(text)} characters read.", file=sys.stderr)
    if len(value) >= _LONGEST_LINE:
        raise RequestError(
            "The value is longer than a line that a terminal takes, and may have been cut.",
            code="secret_too_long",
            hint="Give it as a file: aiwe secrets set ID < FILE.",
        )
    return value


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
        state = ", ".join(one["hosts"]) or "none: for hmac and matches"
        if "problem" in one:
            state = "has no value here" if "configured" in one else "cannot be opened"
        places = ", ".join(["header", *one["in"]])
        rows.append((one["id"], _of(one), state, places, (one["lastUsed"] or "-")[:19],
                     one["createdAt"][:10] or "-", one["createdBy"]))  # fmt: skip
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
    "change": _change,
    "list": _list,
    "show": _show,
    "delete": _delete,
    "rotate-key": _rotate,
    "audit": _audit,
}
