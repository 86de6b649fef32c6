"""Merkle trees as RFC 9162 (Certificate Transparency 2.0), section 2.1, defines them, with SHA-256.

A leaf hashes behind one zero byte and a node behind a byte of one, so that neither can pass for the other; a range of
n > 1 leaves is split at the largest power of two below n; the tree of no leaves hashes the empty string.
"""

import hashlib
from collections.abc import Iterable, Sequence

__all__ = ["inclusion_path", "leaf_hash", "node_hash", "root", "root_by_path"]


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf's bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes (section 2.1.1)."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root, the lowest first (section 2.1.3.1)."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"expected a leaf from 0 to {len(leaves) - 1}, found {index}")
    path = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _level_above(level)
        index //= 2
    return path


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that leaf hash `leaf` at `index` of `size` leads to; None when `path` is none of such a leaf.

    Section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    last = size - 1
    reached = leaf
    for step in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            reached = node_hash(step, reached)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            reached = node_hash(reached, step)
        index >>= 1
        last >>= 1
    return reached if last == 0 else None


def _level_above(level: list[bytes]) -> list[bytes]:
    # Pairing, with an odd last one going up as it is, makes the same tree as splitting at the largest power of two.
    above = [node_hash(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return above + level[-1:] if len(level) % 2 else above
