"""What aiohttp, the system and OpenSSL raise, as errors of ours."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError, HttpProcessingError

from aiwe_engine.errors import ProgramError
from aiwe_engine.outbound import errors

_AWAY = {
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EHOSTDOWN,
    errno.EADDRNOTAVAIL,
}
# https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
_CERTIFICATES = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate is signed by an authority that is not trusted here",
    20: "its certificate is signed by an authority that is not trusted here",
    21: "its certificate is signed by an authority that is not trusted here",
    23: "its certificate was revoked",
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
}


def of(error: BaseException, place: str, seconds: float) -> ProgramError | None:
    """Ours for what aiohttp raised; None where it is none of these.

    Args:
        error: what was raised.
        place: host and port that the request was for.
        seconds: the time it had.
    """
    if isinstance(error, aiohttp.ClientPayloadError):
        broken = any(isinstance(cause, ContentEncodingError) for cause in _causes(error))
        return errors.bad_encoding(place) if broken else errors.reset(place)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        reason = "wants other credentials" if error.status == 407 else f"answered {error.status}"
        return errors.proxy(reason)
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return errors.invalid_answer(place, error.message.partition("\n")[0].rstrip(":").strip())
    if isinstance(error, OSError | aiohttp.ClientConnectionError):
        return _of_connection(error, place, seconds)
    return None


def _of_connection(error: BaseException, place: str, seconds: float) -> ProgramError:
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return errors.proxy("cannot be reached")
    for cause in _causes(error):
        if isinstance(cause, aiohttp.ClientError):
            continue  # aiohttp's own are of Python's kinds too, without what those say
        if isinstance(cause, ssl.SSLCertVerificationError):
            return errors.tls(place, _CERTIFICATES.get(cause.verify_code, cause.verify_message))
        if isinstance(cause, ssl.SSLError):
            return errors.plaintext(place)
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, TimeoutError) or number == errno.ETIMEDOUT:
        return errors.timeout(place, seconds)
    if number == errno.ECONNREFUSED:
        return errors.refused(place)
    return errors.unreachable(place) if number in _AWAY else errors.reset(place)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it."""
    seen: BaseException | None = error
    for _ in range(6):
        if seen is None:
            return
        yield seen
        inner = getattr(seen, "certificate_error", None) or getattr(seen, "os_error", None)
        seen = inner or seen.__cause__ or seen.__context__
