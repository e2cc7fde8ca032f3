"""Headers that make a browser careful with an app's pages, sent unless the program says otherwise.

A page may use what its own origin serves, inline scripts and styles, and images, fonts and media of
any https site; it can be framed by its own origin only (in dev also by a Jupyter on this machine),
and sends no form and no request elsewhere. A header that the program set itself wins. Answers that
are no documents stay as they are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from aiwe_engine.files.parameters import names_several
from aiwe_engine.settings import Settings

POLICY = "content-security-policy"

_OPENER = ("cross-origin-opener-policy", "same-origin")
_OTHERS = (
    ("referrer-policy", "strict-origin-when-cross-origin"),
    _OPENER,
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_FRAMED = ("x-frame-options", "SAMEORIGIN")
_ANCESTORS = re.compile(r"frame-ancestors\s+'self'\s*(?=;|\Z)")
#: Where a Jupyter of this machine is that shows an app inside a notebook.
_JUPYTER = "frame-ancestors 'self' http://localhost:* http://127.0.0.1:* https://localhost:*"


class Security:
    """The headers of one app's answers.

    Args:
        settings: that app's.
        dev: whether pages may be framed by a Jupyter of this machine.
    """

    def __init__(self, settings: Settings, *, dev: bool) -> None:
        policy = settings.security_csp.strip()
        framed = bool(_ANCESTORS.search(policy)) and not dev
        policy = _ANCESTORS.sub(_JUPYTER, policy) if dev else policy
        #: Pairs that come together: X-Frame-Options says what our policy says, to older browsers.
        self._policy = [(POLICY, policy)] if policy else []
        if framed:
            self._policy.append(_FRAMED)
        self._hsts = int(settings.security_hsts)

    def page(self, given: Mapping[str, str]) -> list[tuple[str, str]]:
        """What a document gets beside the headers that the program gave."""
        headers = [pair for pair in _OTHERS if pair[0] not in given]
        if POLICY not in given:
            headers += [pair for pair in self._policy if pair[0] not in given]
        return headers

    def transport(self, scheme: str, given: Mapping[str, str]) -> list[tuple[str, str]]:
        """Strict-Transport-Security, where it is wanted and the request came by https."""
        name = "strict-transport-security"
        if not self._hsts or scheme != "https" or name in given:
            return []
        return [(name, f"max-age={self._hsts}")]


@functools.lru_cache(256)
def is_document(content_type: str) -> bool:
    """Whether a browser would, or might, show this as a page, in which scripts can run."""
    if names_several(content_type):
        return True
    media = content_type.partition(";")[0].strip().lower()
    return media in {"text/html", "application/xhtml+xml", "image/svg+xml"}


def sandboxed(headers: list[tuple[str, str]], sandbox: str) -> list[tuple[str, str]]:
    """The headers of an answer in a place whose origin several apps share.

    No cookie is set for all of them, the sandbox stands whatever else the answer says, and nothing
    that browsers refuse to combine with a sandbox.
    """
    left_out = {"set-cookie", _OPENER[0]}
    return [*(pair for pair in headers if pair[0] not in left_out), (POLICY, sandbox)]
