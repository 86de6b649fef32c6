"""A connection over the network: the server proves who it is, and no password reaches one that cannot."""

import os
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import trustme

from tests.servers.clusters import PASSWORD, Cluster
from tests.servers.conftest import EXAMPLES, Moat

pytestmark = pytest.mark.matrix

FIRST = EXAMPLES / "simplicity_export.csv"


def test_verified_connection_is_encrypted(cluster: Cluster, template: str, moat: Moat) -> None:
    """With `sslmode=verify-full` and the right authority everything works, and doctor says what protects it."""
    url = cluster.tls_url(template)
    with psycopg.connect(url) as conn:
        encrypted = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
        assert conn.execute(encrypted).fetchone() == (True,)
    assert moat(url, "runs").returncode == 0
    assert moat(url, "db", "psql", "--", "-Atc", "select 1").stdout == "1\n"


def test_wrong_host_name_or_authority_is_refused(cluster: Cluster, template: str, moat: Moat, tmp_path: Path) -> None:
    """A server whose certificate bears another name, or another authority's signature, is refused in one line."""
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    other_name = cluster.tls_url(template, host="ledger.example.com")
    other_authority = cluster.tls_url(template, sslrootcert=stranger)
    no_authority = cluster.tls_url(template, sslrootcert=tmp_path / "missing.pem")
    for url, *command in (
        (other_name, "import", str(FIRST), "--commit"),
        (other_authority, "db", "push"),
        (other_authority, "doctor"),
        (no_authority, "runs"),
    ):
        refused = moat(url, *command)
        said = refused.stdout + refused.stderr
        assert (refused.returncode, "the server's certificate is not trusted" in said) == (2, True), said
        assert "s3cr3t" not in said
        assert "Traceback" not in said


def test_unencrypted_and_unauthenticated_connections_are_told_apart(
    cluster: Cluster, template: str, moat: Moat
) -> None:
    """A server that insists on TLS, and one that does not know the password, each have their reason."""
    plain = moat(cluster.tls_url(template, sslmode="disable"), "runs")
    assert (plain.returncode, plain.stdout, "authentication failed" in plain.stderr) == (2, "", True)
    url = cluster.tls_url(template).replace(quote(PASSWORD, safe=""), "wr0ng-s3cr3t")
    wrong = moat(url, "runs")
    assert (wrong.returncode, "authentication failed" in wrong.stderr) == (2, True)
    assert "wr0ng" not in wrong.stderr


@pytest.mark.parametrize(
    ("form", "command"),
    [
        ("pgpass", "runs"),
        ("pgpass", "db psql -- -c \\q"),
        ("service", f"import {FIRST}"),
        ("service", "db psql -- -c \\q"),
        ("service", "doctor"),
        ("variables", "db push --dry-run"),
        ("variables", "db psql -- -c \\q"),
    ],
)
def test_passwords_from_where_libpq_looks(
    cluster: Cluster, template: str, moat: Moat, tmp_path: Path, form: str, command: str
) -> None:
    """The password file, a service and the PG* variables serve every command."""
    network = {"PGHOST": "localhost", "PGHOSTADDR": "127.0.0.1", "PGPORT": str(cluster.port), "PGDATABASE": template}
    network |= {"PGUSER": cluster.owner, "PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(cluster.authority)}
    if form == "pgpass":
        file = _private(tmp_path / "pgpass", f"localhost:{cluster.port}:*:{cluster.owner}:{_escaped(PASSWORD)}\n")
        url, variables = "postgresql://", network | {"PGPASSFILE": file}
    elif form == "service":
        lines = [f"{name.removeprefix('PG').lower()}={value}" for name, value in network.items()]
        section = "\n".join(["[ledger]", *lines, f"password={PASSWORD}", ""]).replace("database=", "dbname=")
        url, variables = "service=ledger", {"PGSERVICEFILE": _private(tmp_path / "services", section)}
    else:
        url, variables = "postgresql://", network | {"PGPASSWORD": PASSWORD}
    served = moat(url, *command.split(), **variables)
    assert served.returncode == 0, served
    assert "s3cr3t" not in served.stdout + served.stderr


def test_no_password_in_the_process_list(cluster: Cluster, template: str, moat: Moat) -> None:
    """While psql runs, neither its arguments nor moat's hold the password that the environment gave."""
    looking = r"\! cat /proc/*/cmdline | tr '\000' ' '"
    seen = moat(cluster.tls_url(template), "db", "psql", "--", "-c", looking)
    assert "psql" in seen.stdout
    assert "s3cr3t" not in seen.stdout.replace(looking, "")


def _private(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return os.fspath(path)


def _escaped(password: str) -> str:
    r"""As the password file wants it: `\:` and `\\`."""
    return password.replace("\\", "\\\\").replace(":", "\\:")
