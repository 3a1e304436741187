"""A real PostgreSQL for tests."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from cluster.services import Services, as_user, free_port, open_folder, programs, user_for


@dataclass(frozen=True)
class PostgreSQL:
    """A server of this test session and a way to make databases in it."""

    services: Services
    psql: str
    port: int
    numbers: "count[int]"

    def run(self, statement: str) -> str:
        """Run SQL as the superuser; rows come back as psql prints them."""
        words = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", "postgres")
        return self.services.run(self.psql, *words, "-X", "-A", "-t", "-c", statement).stdout.strip()

    def new_database(self) -> str:
        """Make an empty database and give its SQLAlchemy URL."""
        name = f"study_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL server in a temporary folder, on a free port; each pytest process has one of its own."""
    paths = programs("postgresql", "initdb", "postgres", "psql")
    user, port = user_for("postgres"), free_port()
    with open_folder("postgres", user) as folder, Services(folder) as services:
        data = str(folder / "data")
        made = ("-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D", data)
        services.run(*as_user(user), paths["initdb"], *made)
        server = PostgreSQL(services, paths["psql"], port, count())
        settings = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        services.start(
            paths["postgres"],
            "-D",
            data,
            *(word for setting in settings for word in ("-c", setting)),
            ready=lambda: services.answers(
                paths["psql"], "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-c", "", "postgres"
            ),
            user=user,
            end=signal.SIGINT,  # does not wait for those who are still connected
        )
        yield server


@pytest.fixture
def postgres(postgres_server: PostgreSQL) -> str:
    """The URL of an empty database, `postgresql+psycopg://…`; the test needs csft's extra `postgres`."""
    pytest.importorskip("psycopg")
    return postgres_server.new_database()
