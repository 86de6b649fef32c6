"""Servers of every supported version, as the suite meets them: bare, or with the roles of Supabase's hosted service.

On a bare server `deployer` migrates, who may create roles and databases and nothing more. On the other it is
`postgres`, which Supabase demotes: no superuser, but it may create roles and databases and row-level security does
not bind it. The attributes and grants follow supabase/postgres, migrations/db/init-scripts and demote-postgres.sql.

Local connections are for those who can enter the socket's folder; over the network a server takes TLS and a password.
"""

import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import trustme

from plaintiff_moat.ledger.embedded.service_user import STATE_FOLDER, ServerUser, server_user, state_folder
from tests.servers.programs import VERSIONS, postgres_binaries

__all__ = ["NAMES", "PASSWORD", "Cluster"]

NAMES = tuple(f"{version}{flavour}" for version in VERSIONS for flavour in ("", "-supabase"))
PASSWORD = "it's 100% s3cr3t@/:?#"  # noqa: S105 - of a server that ends with the suite

_SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
unix_socket_permissions = 0700
ssl = on
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
password_encryption = 'scram-sha-256'
max_connections = 100
fsync = off
full_page_writes = off
synchronous_commit = off
"""
_ACCESS = """
local all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
"""

_BARE = """
create role deployer login createrole createdb password {password};
grant pg_signal_backend to deployer;  -- the suite drops databases that others may not have left yet
"""
_SUPABASE = """
create role postgres nosuperuser createdb createrole login replication bypassrls password {password};
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator login noinherit password {password};
grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to postgres {with_admin};
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;
grant supabase_admin to authenticator;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
"""
# in template1, so that every database of the suite has them
_SUPABASE_DATABASE = "".join(
    f"alter default privileges for user {creator} in schema public grant all on {kind} "
    "to postgres, anon, authenticated, service_role;\n"
    for creator in ("postgres", "supabase_admin")
    for kind in ("tables", "functions", "sequences")
)


@dataclass(frozen=True)
class Cluster:
    """One running server; its files are in `folder`, its authority's certificate in `authority`."""

    version: int
    is_supabase: bool
    folder: Path
    authority: Path
    port: int
    user: ServerUser

    @classmethod
    def start(cls, name: str, folder: Path) -> "Cluster":
        """Makes and starts the server of this name, one of NAMES; what clients need lies in `folder`."""
        version, _, flavour = name.partition("-")
        user = server_user()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        cluster = cls(int(version), bool(flavour), _private_folder(user), folder / "authority.pem", port, user)
        try:
            cluster._create()
            cluster._pg_ctl("start", "--log", str(cluster.folder / "log"))
            cluster._prepare()
        except BaseException:
            cluster.destroy()
            raise
        return cluster

    @property
    def superuser(self) -> str:
        """The server's real superuser, whom migrations and imports never are."""
        return "supabase_admin" if self.is_supabase else "postgres"

    @property
    def owner(self) -> str:
        """Who creates databases and migrates."""
        return "postgres" if self.is_supabase else "deployer"

    def url(self, database: str, *, user: str | None = None) -> str:
        """The URL of a database through the socket, for the owner or another user."""
        host = quote(str(self.folder), safe="")
        return f"postgresql:///{quote(database, safe='')}?host={host}&port={self.port}&user={user or self.owner}"

    def tls_url(self, database: str, *, host: str = "localhost", user: str | None = None, **options: object) -> str:
        """The URL of a database over TLS, the server's name and certificate verified."""
        query = {"sslmode": "verify-full", "sslrootcert": self.authority, "hostaddr": "127.0.0.1"} | options
        written = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
        login = f"{user or self.owner}:{quote(PASSWORD, safe='')}"
        return f"postgresql://{login}@{host}:{self.port}/{quote(database, safe='')}?{written}"

    def let_owner_act_as(self, *roles: str) -> None:
        """Lets the owner `set role` to these, as a superuser could: what the tests do to look through their eyes."""
        acting = " with inherit false, set true" if self.version >= 16 else ""
        with psycopg.connect(self.url("postgres", user=self.superuser), autocommit=True) as conn:
            conn.execute(f"grant {', '.join(roles)} to {self.owner}{acting}".encode())

    def destroy(self) -> None:
        """Ends the server and deletes it."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self._pg_ctl("stop", "--mode=immediate")
        shutil.rmtree(self.folder)

    def _create(self) -> None:
        options = ("--username", self.superuser, "--auth=reject", "--encoding=UTF8", "--locale=C", "--no-instructions")
        self._run("initdb", *options, "--no-sync")
        data = self.folder / "data"
        with (data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS.format(port=self.port, folder=self.folder))
        (data / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        certificate = authority.issue_cert("localhost")
        for number, blob in enumerate(certificate.cert_chain_pems):
            blob.write_to_path(self.folder / "server.pem", append=number > 0)
        key = self.folder / "server.key"
        certificate.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        for file in (key, self.folder / "server.pem"):
            os.chown(file, self.user.uid, self.user.gid)

    def _prepare(self) -> None:
        roles = _SUPABASE if self.is_supabase else _BARE
        # https://www.postgresql.org/docs/16/release-16.html: who creates roles no longer rules all of them
        with_admin = "with admin option" if self.version >= 16 else ""
        with psycopg.connect(self.url("template1", user=self.superuser), autocommit=True) as conn:
            quoted = "'" + PASSWORD.replace("'", "''") + "'"
            conn.execute(roles.format(password=quoted, with_admin=with_admin).encode())
            if self.is_supabase:
                conn.execute(_SUPABASE_DATABASE.encode())
            # for the tests of what a replica's session may not do either
            conn.execute(f"grant set on parameter session_replication_role to {self.owner}".encode())

    def _pg_ctl(self, action: str, *options: str) -> None:
        self._run("pg_ctl", action, "--wait", "--silent", *options)

    def _run(self, program: str, *arguments: str) -> None:
        command = (postgres_binaries(self.version) / program, *arguments)
        log = self.folder / "commands.log"
        with log.open("a+", encoding="utf-8") as output:  # a pipe would stay open as long as the server
            done = self.user.run(*command, pgdata=self.folder / "data", output=output)
        if done.returncode != 0:
            said = [file.read_text(errors="replace") for file in (log, self.folder / "log") if file.exists()]
            raise RuntimeError(f"{program} of PostgreSQL {self.version} failed: {' '.join(''.join(said).split())}")


def _private_folder(user: ServerUser) -> Path:
    """A folder short enough for a socket, that nobody but the server's user can enter."""
    if user.is_invoker:
        return Path(tempfile.mkdtemp(prefix="moat-test-"))
    with state_folder():
        folder = Path(tempfile.mkdtemp(prefix="test-", dir=STATE_FOLDER))
    os.chown(folder, user.uid, user.gid)
    return folder
