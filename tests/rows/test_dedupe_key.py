"""The dedupe key, against a reference in plain Python."""

import ctypes
import re
import sys
import unicodedata
from hashlib import sha256
from uuid import UUID

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plaintiff_moat.native.arrow import maker
from plaintiff_moat.rows.identity import dedupe_keys

# The White_Space property of Unicode, and the separator of the parts.
_SPACES = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\x1f]+")


def reference(system, *parts):
    """Compute a key as its definition reads."""

    def normal(text):
        folded = _SPACES.sub(" ", unicodedata.normalize("NFKC", text or "")).strip(" ")
        return folded.lower().replace("ς", "σ")  # noqa: RUF001 (the sigmas are what is tested)

    joined = "\x1f".join(normal(text) for text in (system, *parts))
    return sha256(joined.encode()).hexdigest()[:32]


def key(system, *parts):
    """Compute the key of one record."""
    columns = {f"part{at}": [part] for at, part in enumerate(parts)}
    return dedupe_keys(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)), system).item()


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=20)
_TRICKY = st.text(
    st.sampled_from("aA ßẞİIıiΣσςẟǅﬁ\u0301\u0307\u0345\u00a8\x1f\x1e\t\n\x85\u00a0\u200b\ufeff\u3000'.·Å"),  # noqa: RUF001
    max_size=8,
)
_LONG = st.text("aZ .~", max_size=70)
_PART = st.none() | _TEXT | _TRICKY | _LONG


@given(st.text(min_size=1, max_size=10), st.lists(_PART, min_size=1, max_size=4))
@example("simplicity", ["Zoe\u0308  Nu\u0301n\u0303ez", None, "A-1"])
@example("simplicity", ["ΟΔΥΣΣΕΥΣ", "İSTANBUL", "STRASSE", "straße"])
@example("s", ["\x1f", "", "\x1fa", "a\x1f"])
def test_the_key_is_what_plain_python_computes(system, parts):
    """For every character that this Python's Unicode assigns, in any company."""
    system = "".join(character for character in system if unicodedata.category(character) != "Cn")
    assert key(system, *parts) == reference(system, *parts)


def test_every_single_character_gives_the_key_of_plain_python():
    """Each assigned code point, alone and after a letter."""
    characters = [
        chr(point) for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) not in ("Cs", "Cn")
    ]
    frame = pl.DataFrame({"alone": characters, "behind": [f"A{character}" for character in characters]})
    keys = dedupe_keys(frame, "s").to_list()
    assert keys == [reference("s", character, f"A{character}") for character in characters]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë Núñez", "ZOË NÚÑEZ"), ("Zoë Núñez", "Zoe\u0308 Nu\u0301n\u0303ez"), ("Ada Bell", "  ada \t\n bell "),
        ("Ada Bell", "Ada\u00a0Bell"), ("Ada Bell", "Ada\x1fBell"), ("ﬁrm", "FIRM"), ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
        ("\uff21\uff24\uff21", "ada"),
    ],
)  # fmt: skip
def test_writings_of_one_name_have_one_key(one, other):
    """Case, white space and composition are the writer's."""
    assert key("s", one, "a@example.com", "1") == key("s", other, "A@EXAMPLE.COM ", "1")


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b"), ("ab", None)), (("a", None), (None, "a")), (("a\x1fb", None), ("a", "b")), (("a", ""), ("", "a"))],
)  # fmt: skip
def test_parts_do_not_run_into_each_other(one, other):
    """Neither by being empty nor by holding the separator."""
    assert key("s", *one) != key("s", *other)


def test_the_source_system_is_part_of_the_key():
    """Normalised as the other parts are."""
    assert key("simplicity", "Ada") != key("jbi", "Ada")
    assert key("simplicity", "Ada") == key(" Simplicity ", "Ada")
    assert key("Zoë", "Ada", "1") == reference("zoë", "ada", "1")


def test_null_and_empty_are_the_same_part():
    """A vendor's empty cell says no more than a missing column."""
    assert key("s", "Ada", None, "") == key("s", "Ada", "", None)


def test_version_1_of_the_key_never_changes():
    """Keys live for ever in databases: this one was computed on the day that version 1 was fixed."""
    assert key("simplicity", "Zoë Núñez", "zoe@example.com", "CV-1") == UUID("09c001f6-43f0-309f-bee1-9e109f05e18e").hex


def test_usual_and_unusual_records_keep_their_own_keys():
    """In one frame and in its order, and none at all for no records."""
    names = ["Ada", "Zoë", None, "Bo  b", "Ada"]
    keys = dedupe_keys(pl.DataFrame({"name": names}), "s").to_list()
    assert keys == [reference("s", name) for name in names]
    assert dedupe_keys(pl.DataFrame(schema={"name": pl.String}), "s").to_list() == []


@given(st.lists(st.none() | st.text("aé\u3000\U0001f600", max_size=40)), st.integers(0, 20), st.integers(0, 2))
def test_texts_are_cut_between_characters(texts, size, skipped):
    """Short ones and long ones, and of a part of a column too; of the hash it is digits that are cut."""
    column = pl.Series(texts, dtype=pl.String)[skipped:]
    expected = [(text or "").encode()[:size].decode(errors="ignore") or None for text in texts[skipped:]]
    shorten = maker("moat_shorten_texts", ctypes.c_int32)
    assert shorten(column, size).to_list() == expected
