"""Checkpoints: the heads of all chains under one root, to be kept where nobody who writes the database can reach it.

The tree's leaves are the heads in the order of their runs' ids; a leaf is the run's id (16 bytes), its head's seq
(4 bytes, big-endian) and its head's hash (32 bytes). The document holds the heads themselves: chains grow between two
checkpoints, so that one root cannot be led to the next, but each head that was seen must be found for ever as the hash
at that seq of that run's chain.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from plaintiff_moat.errors import BadInput
from plaintiff_moat.evidence import merkle
from plaintiff_moat.evidence.findings import Finding

__all__ = ["LEAF", "Checkpoint", "Head"]

KIND = "plaintiff-moat checkpoint"
VERSION = 1
LEAF = (
    "RFC 9162 section 2.1.1 with SHA-256; one leaf for each run, in the order of their ids:"
    " id (16 bytes), seq (4 bytes, big-endian), hash (32 bytes)"
)


class Head(NamedTuple):
    """The last event of a run's chain at some moment."""

    run: str
    seq: int
    hash: bytes

    @property
    def leaf(self) -> bytes:
        """The leaf hash of the head."""
        return merkle.leaf_hash(UUID(self.run).bytes + self.seq.to_bytes(4, "big") + self.hash)


@dataclass(frozen=True)
class Checkpoint:
    """The heads of all chains at a moment, in the order of their runs' ids, and the root over them."""

    number: int
    at: str
    actor: str
    tree_size: int
    root: bytes
    heads: tuple[Head, ...]

    @cached_property
    def leaves(self) -> list[bytes]:
        """The leaf hashes, in their order."""
        return [head.leaf for head in self.heads]

    def finding(self) -> Finding | None:
        """Tells when the size or the root is not that of the heads."""
        where = f"checkpoint {self.number}"
        if self.tree_size != len(self.heads):
            return Finding("CHECKPOINT_SIZE", None, where, f"{self.tree_size} heads", str(len(self.heads)))
        computed = merkle.root(self.leaves)
        if computed == self.root:
            return None
        return Finding("CHECKPOINT_ROOT", None, where, f"root {computed.hex()} of its heads", self.root.hex())

    def proof(self, run: str) -> dict[str, Any] | None:
        """The inclusion proof of the run's head (RFC 9162, section 2.1.3) as JSON; None when the run has none here."""
        for index, head in enumerate(self.heads):
            if head.run == run:
                return {
                    "checkpoint_no": self.number,
                    "at": self.at,
                    "tree_size": self.tree_size,
                    "root": self.root.hex(),
                    "leaf": LEAF,
                    "leaf_index": index,
                    "seq": head.seq,
                    "path": [step.hex() for step in merkle.inclusion_path(self.leaves, index)],
                }
        return None

    def dumps(self) -> str:
        """The document: JSON, a head a line."""
        document = {
            "kind": KIND,
            "version": VERSION,
            "checkpoint_no": self.number,
            "at": self.at,
            "actor": self.actor,
            "tree_size": self.tree_size,
            "root": self.root.hex(),
            "leaf": LEAF,
        }
        opening = json.dumps(document, indent=1, ensure_ascii=False).removesuffix("\n}")
        heads = ",\n  ".join(json.dumps([head.run, head.seq, head.hash.hex()]) for head in self.heads)
        return f'{opening},\n "heads": [\n  {heads}\n ]\n}}\n'

    @classmethod
    def loads(cls, text: str) -> "Checkpoint":
        """Reads a document. Raises BadInput for what is none; whether its root is right is `finding`'s to say."""
        try:
            document = json.loads(text)
            _require((document["kind"], document["version"]) == (KIND, VERSION))
            heads = (Head(str(UUID(run)), int(seq), bytes.fromhex(held)) for run, seq, held in document["heads"])
            return cls(
                number=int(document["checkpoint_no"]),
                at=str(document["at"]),
                actor=str(document["actor"]),
                tree_size=int(document["tree_size"]),
                root=bytes.fromhex(document["root"]),
                heads=_in_order(heads),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            raise BadInput(
                f"expected a checkpoint of version {VERSION} as `moat checkpoint -o` writes it, found something else"
            ) from None


def _in_order(heads: Iterable[Head]) -> tuple[Head, ...]:
    listed = tuple(heads)
    _require(all(before.run < after.run for before, after in pairwise(listed)))
    return listed


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError
