"""What a program cannot do with a secret: each with its code, and what to do about it.

A message names the secret by its id and the host that it was for; nothing here knows a value. These are
errors of the program or of how the secret is stored, so whoever sent the request is told neither.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiwe_engine.errors import AiweError, ProgramError
from aiwe_engine.secret import ID_FORM, is_id

if TYPE_CHECKING:
    from aiwe_engine.secret import Secret

_SHOWN = 100


def not_found(secret: str, option: str, *, sent: bool = True) -> ProgramError:
    """There is none of this id, for this app and environment.

    Args:
        secret: the id, which could be one.
        option: as in `Values`.
        sent: whether it is wanted for a request, or for the host to compute with.
    """
    hosts, why = ("HOST", "") if sent else ("none", " It is sent nowhere, so it needs no hosts.")
    return ProgramError(
        f'There is no secret "{secret}" for this app.',
        code="secret_not_found",
        hint=f"Store it: aiwe secrets set {secret} --hosts {hosts}{option}, with its value on standard input.{why} "
        "Secrets.list() tells which there are.",
        details={"secret": secret},
    )


def unreadable(secret: Secret, problem: AiweError) -> ProgramError:
    """It is there and its value is not: the key is missing, or what the configuration names."""
    return ProgramError(
        f'The secret "{secret.id}" cannot be opened. {problem.message}',
        code=problem.code,
        hint=problem.hint,
        details=problem.details,
    )


def bad_id() -> ProgramError:
    """What was given is no id."""
    return ProgramError(
        "The id of a secret is a string.",
        code="invalid_argument",
        hint='Write the id that it is stored under, as in Secrets.get("sendgrid_api_key").',
        name="TypeError",
    )


def unfit_id(secret: str) -> ProgramError:
    """No secret can be stored under this text."""
    meant = secret.strip()
    near = f'Did you mean "{meant}"? ' if is_id(meant) else ""
    return ProgramError(
        f"No secret can have the id {json.dumps(_short(secret))}.",
        code="invalid_argument",
        hint=f"{near}An id is {ID_FORM}, as in sendgrid_api_key.",
        name="TypeError",
    )


def bad_user() -> ProgramError:
    """What was given is no user name of Basic authentication: RFC 7617, section 2."""
    return ProgramError(
        "The user of Secrets.basic is a string without colons and control characters.",
        code="invalid_argument",
        hint='Write the name first, then the id: Secrets.basic("api", "mailgun_key").',
        name="TypeError",
    )


def bad_data() -> ProgramError:
    """What is to be signed is neither text nor bytes."""
    return ProgramError(
        "Secrets.hmac signs a string or a Uint8Array.",
        code="invalid_argument",
        hint="Sign the bytes that were sent, as in await req.text(), not what they were parsed to.",
        name="TypeError",
    )


def host_not_allowed(secret: Secret, host: str, option: str) -> ProgramError:
    """The request goes to a host that is not among the secret's."""
    named = ",".join([*secret.hosts, host])
    known = f"It is for {', '.join(secret.hosts)}." if secret.hosts else "It names no host."
    if secret.configured:
        way = f"write hosts = [{_quoted(named)}] there: {secret.configured}."
    else:
        way = (
            f"say so: aiwe secrets change {secret.id}{_place(secret)} --hosts {named}{option}, or "
            f'PUT /editor/api/secrets/{secret.id}{_query(secret)} with {{"hosts": [{_quoted(named)}]}}.'
        )
    return ProgramError(
        f'The secret "{secret.id}" may not be sent to {host}.',
        code="secret_host_not_allowed",
        hint=f"{known} If {host} is to get it, {way}",
        details={"secret": secret.id, "host": host},
    )


def not_allowed_here(secret: Secret, where: str, option: str) -> ProgramError:
    """The secret is not stored for this part of a request.

    Args:
        secret: which.
        where: "url" or "body".
        option: as in `Values`.
    """
    places = ",".join(sorted({*secret.places, where}, reverse=True))
    name = {"url": "the URL", "body": "the body"}[where]
    if secret.configured:
        way = f"write in = [{_quoted(places)}] where it is configured: {secret.configured}."
    else:
        way = f"say so: aiwe secrets change {secret.id}{_place(secret)} --in {places}{option}."
    return ProgramError(
        f'The secret "{secret.id}" may not stand in {name} of a request.',
        code="secret_not_allowed_here",
        hint=f"Send it in a header. Where the other server wants it there, {way}",
        details={"secret": secret.id, "in": where},
    )


def never_here(secret: str, where: str) -> ProgramError:
    """No secret may stand in this part of a request, such as the name of a header."""
    return ProgramError(
        f'The secret "{secret}" may not stand in {where}.',
        code="secret_not_allowed_here",
        hint="Send it as the value of a header, as in headers: { authorization: `Bearer ${key}` }.",
        details={"secret": secret, "in": where},
    )


def needs_https(secret: Secret, place: str) -> ProgramError:
    """Everybody on the way could read it."""
    return ProgramError(
        f'The secret "{secret.id}" would go to {place} unencrypted.',
        code="secret_needs_https",
        hint="Use https. A server of your own that has none is named in the configuration: "
        f'fetch.allow_private = ["{place}"].',
        details={"secret": secret.id, "host": place},
    )


def not_sendable(secret: Secret, where: str) -> ProgramError:
    """The value has what cannot be written there."""
    return ProgramError(
        f'The value of the secret "{secret.id}" has characters that {where} cannot carry.',
        code="secret_not_sendable",
        hint="Store it anew, without line breaks, control characters and other bytes that are no text.",
        details={"secret": secret.id},
    )


def encoded(secret: str, how: str) -> ProgramError:
    """A reference was encoded, so that its value would be put into the encoding, or not at all."""
    return ProgramError(
        f'The reference to the secret "{secret}" is {how}, which the host does not see through.',
        code="secret_encoded",
        hint="Pass it as Secrets.get gave it. For Basic authentication there is Secrets.basic(user, id), "
        "for signatures Secrets.hmac(id, { hash }, data).",
        details={"secret": secret},
    )


def signed(secret: str) -> ProgramError:
    """What is to be signed holds a reference, which would be signed itself."""
    return ProgramError(
        f'What is to be signed holds a reference to the secret "{secret}", which is not its value.',
        code="secret_encoded",
        hint="Sign what does not depend on a secret's value.",
        details={"secret": secret},
    )


def over() -> ProgramError:
    """A reference outlived the request, or the isolate, that it was made for."""
    return ProgramError(
        "A reference to a secret that was made for another request, or before the program was loaded anew, "
        "cannot be sent in this one.",
        code="secret_reference_over",
        hint="Call Secrets.get in the handler that sends it; or at the top level of a cell or file, "
        "where it is good for every request.",
    )


def _place(secret: Secret) -> str:
    app = f" --app {secret.app}" if secret.app else ""
    return f"{app} --env {secret.env}" if secret.env else app


def _query(secret: Secret) -> str:
    said = [f"{name}={one}" for name, one in (("app", secret.app), ("env", secret.env)) if one]
    return f"?{'&'.join(said)}" if said else ""


def _quoted(named: str) -> str:
    return ", ".join(f'"{host}"' for host in named.split(","))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
