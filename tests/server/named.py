"""An identity provider of Jupyter's that knows the names of people, as a hub's does."""

from __future__ import annotations

from jupyter_server.auth.identity import IdentityProvider, User
from tornado import web


class Named(IdentityProvider):  # type: ignore[misc]
    """Whoever has the token is ada."""

    def generate_anonymous_user(self, handler: web.RequestHandler) -> User:
        """The one person there is."""
        return User("ada", "Ada Lovelace")
