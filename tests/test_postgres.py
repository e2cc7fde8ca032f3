"""The servers that tests make for themselves."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import postgres as programs
from tests.postgres import Cluster, cluster, require


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    require()
    with cluster(fsync=True) as running:
        yield running


def numbers(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM numbers ORDER BY n")]


def fill(url: str, *values: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS numbers (n integer)")
        for value in values:
            connection.execute("INSERT INTO numbers VALUES (%s)", [value])


def test_a_database_answers_over_its_socket_and_no_port(database):
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


def test_two_databases_of_one_server_are_apart(postgres):
    with postgres.database() as one, postgres.database() as other:
        fill(one, 1)
        fill(other, 2, 3)
        assert (numbers(one), numbers(other)) == ([1], [2, 3])


def test_a_database_is_dropped_though_somebody_is_connected(postgres):
    with postgres.database() as url:
        left = psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


@pytest.mark.parametrize(
    "end",
    [Cluster.stop, lambda cluster: cluster.stop("immediate"), Cluster.kill],
    ids=["stopped", "stopped at once", "killed"],
)
def test_what_was_committed_is_there_when_a_server_starts_again(own, end):
    with own.database() as url:
        fill(url, 7)
        open_one = psycopg.connect(url)
        open_one.execute("INSERT INTO numbers VALUES (8)")
        end(own)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        own.start()
        assert numbers(url) == [7]
        open_one.close()


def test_a_server_that_does_not_start_says_why(tmp_path):
    require()
    with pytest.raises(RuntimeError, match="could not access directory"):
        Cluster(tmp_path).start()


@pytest.mark.parametrize(
    ("environment", "outcome"),
    [({}, pytest.skip.Exception), ({"CI": "true"}, pytest.fail.Exception)],
)
def test_without_postgres_a_test_is_skipped_but_fails_in_continuous_integration(
    environment, outcome, monkeypatch, tmp_path
):
    monkeypatch.setattr(programs, "DEBIAN", Path(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(outcome, match="apt-get install postgresql"):
        require(environment)
