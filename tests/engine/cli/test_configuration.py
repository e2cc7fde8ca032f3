"""What configures `aiwe serve`: aiwe.toml, the environment, options; and a reload."""

import asyncio

import pytest

from aiwe_engine.configuration.configuration import Configuration
from aiwe_engine.serve import Plan, serving
from aiwe_engine.settings import Settings


@pytest.mark.binds("host")
async def test_apps_are_served_on_the_host_of_the_settings(tmp_path):
    configuration = Configuration(Settings(host="127.0.0.2", port=0, spare_workers=0))
    plan = Plan((), configuration, "dev", tmp_path, tmp_path / ".aiwe")
    async with serving(plan, log=lambda *_: None) as served:
        assert served.apps_url.startswith("http://127.0.0.2:")
        port = int(served.apps_url.split(":")[2].strip("/"))
        _, writer = await asyncio.open_connection("127.0.0.2", port)
        writer.close()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
