"""What is said when a login by a provider does not come to its end: each case with its code."""

from __future__ import annotations

from aiwe_engine.errors import AiweError, EngineError, RequestError

_AGAIN = "Begin again at /auth/login."


def no_such_provider(name: str) -> RequestError:
    """Nobody configured it for this app."""
    return RequestError(
        f'People do not sign in to this app by "{name[:60]}".',
        code="no_such_provider",
        status=404,
        hint="Providers stand in aiwe.toml, below [auth.providers.NAME]; /auth/login lists them.",
    )


def no_providers() -> RequestError:
    """Nobody configured any for this app."""
    return RequestError(
        "Nobody can sign in to this app here: it has no provider.",
        code="no_such_provider",
        status=404,
        hint="Add one to aiwe.toml, below [auth.providers.NAME].",
    )


def provider_unreachable(name: str, error: AiweError) -> EngineError:
    """It does not answer."""
    return EngineError(
        f'The provider "{name}" does not answer.',
        code="provider_unreachable",
        status=502,
        hint="Try again in a while. Who runs the app finds the reason in its log; the address is "
        f"auth.providers.{name}.issuer.",
        details={"reason": error.code},
    )


def provider_invalid(name: str, why: str) -> EngineError:
    """It answers, and not as a provider of OpenID Connect does."""
    return EngineError(
        f'The provider "{name}" cannot be relied on: {why}.',
        code="provider_invalid",
        status=502,
        hint=f"auth.providers.{name}.issuer must be the address of an OpenID Connect provider, "
        "exactly as it calls itself.",
    )


def secret_missing(name: str, secret: str) -> EngineError:
    """The secret of the client is not there."""
    return EngineError(
        f'The secret "{secret}" of the provider "{name}" is not there, or may not be sent to it.',
        code="provider_secret_missing",
        hint="Store it with `aiwe secrets set`, with the host of the provider's token endpoint.",
    )


def login_expired() -> RequestError:
    """There is no login that this answer belongs to, or not any more."""
    return RequestError(
        "This login is over: it was finished before, took too long, or was never begun here.",
        code="login_expired",
        hint=_AGAIN,
    )


def login_of_another() -> RequestError:
    """Another browser has begun it."""
    return RequestError(
        "This login was begun in another browser.",
        code="login_of_another",
        hint=f"{_AGAIN} Browsers must keep the app's cookies meanwhile.",
    )


def invalid_callback(why: str) -> RequestError:
    """The answer is none of a provider."""
    return RequestError(
        f"This is no answer of a provider: {why}.", code="invalid_callback", hint=_AGAIN
    )


def issuer_mismatch(name: str) -> RequestError:
    """Another provider has answered."""
    return RequestError(
        f'The answer does not come from the provider "{name}" (iss).',
        code="issuer_mismatch",
        hint=_AGAIN,
    )


def login_denied(name: str) -> RequestError:
    """The person, or the provider, said no."""
    return RequestError(
        f'The login by "{name}" was not allowed there.',
        code="login_denied",
        status=403,
        hint=_AGAIN,
    )


def login_failed(name: str, error: str) -> RequestError:
    """The provider tells of an error of its own."""
    return RequestError(
        f'The provider "{name}" could not do it.',
        code="login_failed",
        hint=_AGAIN,
        details={"error": plain(error)},
    )


def code_refused(name: str, error: str) -> RequestError:
    """The provider did not give a token for the code."""
    hint = _AGAIN
    if error in {"invalid_client", "unauthorized_client"}:
        hint = f"Check client_id and the secret of auth.providers.{name}."
    return RequestError(
        f'The provider "{name}" did not take the code of this login.',
        code="login_failed",
        hint=hint,
        details={"error": plain(error)},
    )


def id_token_invalid(name: str, why: str) -> RequestError:
    """What it says of the person is not to be believed."""
    return RequestError(
        f'The id_token of the provider "{name}" is not good: {why}.',
        code="id_token_invalid",
        status=401,
        hint=_AGAIN,
    )


def account_disabled() -> RequestError:
    """They may not come in."""
    return RequestError(
        "This account is disabled.",
        code="account_disabled",
        status=403,
        hint="Ask who runs the app.",
    )


def identity_taken(name: str) -> RequestError:
    """It is somebody else's."""
    return RequestError(
        f'This identity of "{name}" belongs to another account.',
        code="identity_taken",
        status=409,
        hint="Sign in with it, or take another one.",
    )


def not_signed_in() -> RequestError:
    """There is no account to link anything with."""
    return RequestError(
        "Nobody is signed in here.",
        code="not_authenticated",
        status=401,
        hint="Sign in first: an identity is linked with the account of whoever is signed in.",
    )


def somebody_else() -> RequestError:
    """The account that was to be linked is not the one that is signed in now."""
    return RequestError(
        "Somebody else is signed in now than when this was begun.",
        code="login_of_another",
        hint="Begin again.",
    )


def no_cookies() -> RequestError:
    """Browsers keep none here."""
    return RequestError(
        "Nobody can sign in at this address: browsers keep no cookies of it.",
        code="cookies_not_kept",
        hint="Open the app at an address of its own.",
    )


def plain(text: str) -> str:
    """The code of an error as somebody else wrote it, without what does not belong into one."""
    return "".join(one for one in text[:60] if one.isascii() and (one.isalnum() or one in "_-."))
