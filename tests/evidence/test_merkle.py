"""Merkle trees: the known answers of Certificate Transparency, and the definition of RFC 9162."""

import hashlib

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaintiff_moat.evidence import merkle

# The reference trees of google/certificate-transparency, cpp/merkletree/merkle_tree_test.cc.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def hashes(leaves: list[bytes]) -> list[bytes]:
    """The leaf hashes."""
    return [merkle.leaf_hash(leaf) for leaf in leaves]


def defined(leaves: list[bytes]) -> bytes:
    """The root as the RFC defines it, by recursion."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + defined(leaves[:split]) + defined(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_known_roots(size: int) -> None:
    """Trees of 0 to 8 leaves have the roots of the reference implementation."""
    assert merkle.root(hashes(LEAVES[:size])).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_known_paths(index: int, size: int) -> None:
    """Inclusion paths are those of the reference implementation, and lead to its roots."""
    leaves = hashes(LEAVES[:size])
    path = merkle.inclusion_path(leaves, index)
    assert [step.hex() for step in path] == PATHS[index, size]
    assert merkle.root_by_path(leaves[index], index, size, path).hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_every_tree_is_the_defined_one(leaves: list[bytes]) -> None:
    """The root is that of the recursive definition, and each leaf's path leads to it, from no other place."""
    root = merkle.root(hashes(leaves))
    assert root == defined(leaves)
    for index, leaf in enumerate(hashes(leaves)):
        path = merkle.inclusion_path(hashes(leaves), index)
        assert merkle.root_by_path(leaf, index, len(leaves), path) == root
        assert merkle.root_by_path(merkle.leaf_hash(b"other"), index, len(leaves), path) != root
        assert merkle.root_by_path(leaf, index, len(leaves), [*path, bytes(32)]) is None
        assert not path or merkle.root_by_path(leaf, index, len(leaves), path[:-1]) is None
        assert merkle.root_by_path(leaf, len(leaves), len(leaves), path) is None


def test_the_database_makes_the_same_tree(conn: psycopg.Connection) -> None:
    """`ingest._merkle_root` gives the same roots for each size up to 70."""
    leaves = [str(number).encode() for number in range(70)]
    for size in range(71):
        (found,) = conn.execute("select ingest._merkle_root(%s::bytea[])", [leaves[:size]]).fetchone()
        assert found == merkle.root(hashes(leaves[:size])), size
