"""The stores under test are those of the store's own tests."""

from tests.engine.store.conftest import (  # noqa: F401
    backend,
    fresh_database,
    opened,
    refused,
    shared_database,
    store,
)
