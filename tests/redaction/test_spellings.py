"""Numbers that must not escape, however they are spelled, and numbers that must not be touched."""

import sys
import unicodedata
from collections.abc import Callable
from hashlib import md5, sha1, sha256, sha512
from random import Random
from uuid import UUID

import pytest
from number_spellings import (
    GLUED,
    GROUPINGS,
    ISSUERS,
    MARKS,
    SEPARATORS,
    SSN_SPELLINGS,
    bare,
    grouped,
    random_card,
    random_digits,
)

from plaintiff_moat.redaction import CARD_TOKEN, SSN_TOKEN, redact

_VALUES = 200


@pytest.mark.parametrize("spelling", SSN_SPELLINGS)
def test_no_spelling_of_an_ssn_escapes(spelling: str) -> None:
    """Random nine digits, valid as an SSN or not, leave nothing but the token."""
    random = Random(spelling)
    for _ in range(_VALUES):
        written = SSN_SPELLINGS[spelling](random_digits(random, 9))
        assert redact(f"Processing SSN {written} now") == f"Processing SSN {SSN_TOKEN} now"


@pytest.mark.parametrize("glue", GLUED)
@pytest.mark.parametrize("spelling", ["unbroken", "hyphen-minus", "percent-encoded hyphen", "full-width digits"])
def test_what_an_ssn_is_glued_to_does_not_save_it(spelling: str, glue: str) -> None:
    """Letters, underscores, quotes and punctuation on either side stay; the number goes."""
    assert redact(glue.format(SSN_SPELLINGS[spelling]("123456789"))) == glue.format(SSN_TOKEN)


@pytest.mark.parametrize("digits", ["000000000", "666123456", "987654321", "123006789", "123450000"])
def test_an_ssn_needs_not_be_valid(digits: str) -> None:
    """An area, group or serial that was never issued is still somebody's mistyped number."""
    assert redact(grouped(digits, (3, 2, 4), "-")) == redact(digits) == SSN_TOKEN


@pytest.mark.parametrize("text", ["LIKE '%201-23-4567%'", "LIKE '%312-45-6789'", "100%123-45-6789", "C:\\u123-45-6789"])
def test_what_looks_like_an_escape_does_not_hide_an_ssn(text: str) -> None:
    """Both readings are searched: decoding `%20` would swallow the first digits of the number."""
    assert bare(redact(text)) in {"", "100"}


@pytest.mark.parametrize("neighbour", ["\u200b", "\xb9", "\u2460", "\x00", "\u0301"])
def test_what_has_no_width_does_not_join_an_ssn_to_its_neighbour(neighbour: str) -> None:
    """Dropping it would make a longer run of digits, which is none; so it is also read as it is printed."""
    assert redact(f"7{neighbour}123-45-6789{neighbour}7") == f"7{neighbour}{SSN_TOKEN}{neighbour}7"


def test_every_digit_dash_space_and_invisible_character_of_unicode_is_known() -> None:
    """Whatever script or width Unicode has for them, an SSN written with them is found."""
    characters = list(map(chr, range(0x80, sys.maxunicode + 1)))
    of = {
        kind: [char for char in characters if unicodedata.category(char) == kind] for kind in ("Pd", "Zs", "Cf", "Mn")
    }
    separators = of["Pd"] + of["Zs"] + of["Cf"] + of["Mn"]
    ones = [char for char in characters if unicodedata.digit(char, None) == 1]
    assert [char for char in separators if redact(f"123{char}45{char}6789") != SSN_TOKEN] == []
    assert [char for char in ones if redact(f"{char}23-45-6789") != SSN_TOKEN] == []


@pytest.mark.parametrize("grouping", GROUPINGS, ids=str)
@pytest.mark.parametrize("issuer", ISSUERS)
def test_no_grouping_of_a_card_number_escapes(issuer: str, grouping: tuple[int, ...]) -> None:
    """Every issuer's numbers, in printed and in unheard-of groups, with every separator."""
    random = Random(f"{issuer} {grouping}")
    for separator in SEPARATORS:
        for _ in range(3):
            written = grouped(random_card(random, *ISSUERS[issuer]), grouping, separator)
            assert redact(f"card {written} declined") == f"card {CARD_TOKEN} declined", written


@pytest.mark.parametrize("mark", MARKS)
def test_any_mark_between_printed_groups_is_a_separator(mark: str) -> None:
    """A card number in its printed groups is recognised with marks that elsewhere separate numbers."""
    assert redact(f"({mark.join(['4111', '1111', '1111', '1111'])})") == f"({CARD_TOKEN})"
    assert redact(f"({mark.join(['3714', '496353', '98431'])})") == f"({CARD_TOKEN})"


@pytest.mark.parametrize("text", ["{}", "id{}x", "[{}]", "amount {} USD"])
def test_a_dot_in_the_middle_of_a_card_number_separates(text: str) -> None:
    """Halves of a float's digits are rare; a dot anywhere else is a decimal point."""
    assert redact(text.format("41111111.11111111")) == text.format(CARD_TOKEN)
    assert redact(text.format("4111111.111111111")) == text.format("4111111.111111111")


@pytest.mark.parametrize("text", ["+4222222222222", "card+4918724467005", "a371449635398431", "b30569309025904f"])
def test_what_stands_before_a_card_number_does_not_save_it(text: str) -> None:
    """A plus that begins no telephone, a form's space, and letters that would make it as long as a hex id."""
    assert bare(redact(text)) == ""


@pytest.mark.parametrize("text", ["caf\\xe9{}", "caf%E9{}", "\\u0119{}", "2026-01-15 12:00:01,{},x", "12:00:01.{}"])
def test_what_ends_in_digits_does_not_join_an_ssn(text: str) -> None:
    """An escaped letter in front of it, and a clock's seconds in the cell before."""
    for number in ("123-45-6789", "123456789"):
        if not (text.endswith(".{}") and number.isdigit()):
            assert redact(text.format(number)) == text.format(SSN_TOKEN)


@pytest.mark.parametrize("text", ["row 42 {}", "2026-01-15 {} 7", "4 {}", "a{}b", "id_{}_x", "{}, {}", "{} {}"])
@pytest.mark.parametrize("card", ["4111111111111111", "4111 1111 1111 1111", "3714-496353-98431"])
def test_neighbouring_numbers_do_not_save_a_card_in_printed_groups(text: str, card: str) -> None:
    """Digits in front of it, behind it and between two of them are told apart."""
    assert redact(text.format(card, card)) == text.format(CARD_TOKEN, CARD_TOKEN)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0264;5380,4666,7447,7700", "0264;[CARD]"),
        ("8170/7124/8426/9201%010", "[CARD]%010"),
        ("12:00:01.123456+1111 2222 3333 4444", "12:00:01.123456+[CARD]"),
        ("12:00:01.6011 3779 0000 0004", "12:00:01.[CARD]"),
        ("12 4588550.274.157634572 12", "12 [CARD] 12"),
        ("12 4588550 274 157634572", "12 [CARD]"),
        ("12345-6789 4230 9709 4293", "12345-[CARD]"),
        ("6759.2506.6856.8\t6011.570221.18564-2202", "[CARD]\t[CARD]-2202"),
        ("4765 3430 2649 210.0.123.45", "[CARD].0.123.45"),
        ("173541823504383550ff4886/8577/6664/6404", "173541823504383550ff[CARD]"),
        ("5038 - 746383 - 13006ff80268495a", "[CARD]ff80268495a"),
    ],
)
def test_what_a_card_number_shares_digits_with_does_not_save_it(text: str, shown: str) -> None:
    """A list, an escape, a clock, postal code, address or digest that could be read into its groups."""
    assert redact(text) == shown.replace("[CARD]", CARD_TOKEN)


@pytest.mark.parametrize(
    "text",
    [
        "4724\x0112345-6789",
        "8170%20387716%204742&shy;0x7f1234567890",
        "345%E2%80%9329%E2%80%931239a19792784782518890",
        "0x7f1234567890&#51;6759127661838",
        "03:48:39.123456\x01805 19 1867",
    ],
)
def test_what_is_innocent_in_one_reading_does_not_hide_a_number_of_the_other(text: str) -> None:
    """A postal code, an address or a digest that begins within an escape, or goes on behind one, is none."""
    assert redact(text) != text


def test_a_uatp_number_is_known_by_its_grouping() -> None:
    """Unbroken it could be a thread's id; in groups of 4, 5 and 6 it is an airline's card."""
    number = random_card(Random(1), "1354", 15)
    assert redact(grouped(number, (4, 5, 6), " ")) == CARD_TOKEN
    assert redact(number) is number


@pytest.mark.parametrize(
    "card",
    [
        "5500-0000-0000-0004", "1234-5678-9012-3456", "1234 567890 12345", "1234.5678.9012.345", "2012-5678-9012-3456",
        "1912-5678-9012-3456", "2012 567890 12345", "1999 2000 2001 2002",
    ],
)  # fmt: skip
def test_the_classic_shape_is_redacted_whatever_its_digits(card: str) -> None:
    """Neither issuer nor check digit is asked for where the groups say card."""
    assert redact(f"card {card}") == f"card {CARD_TOKEN}"


_INNOCENT: dict[str, Callable[[Random], str]] = {
    "UUID": lambda random: f"run {UUID(int=random.getrandbits(128), version=4)} claimed",
    "UUID of digits": lambda random: f"{grouped(random_digits(random, 32), (8, 4, 4, 4, 12), '-')}",
    "UUID without hyphens": lambda random: f"run-{UUID(int=random.getrandbits(128), version=4).hex}",
    "SHA-256": lambda random: f"file_hash={sha256(random.randbytes(8)).hexdigest()}",
    "SHA-1 in capitals": lambda random: sha1(random.randbytes(8)).hexdigest().upper(),  # noqa: S324 - a git id
    "MD5": lambda random: f"etag {md5(random.randbytes(8)).hexdigest()}",  # noqa: S324 - an S3 etag
    "ISO timestamp": lambda random: f"2026-01-{random.randint(10, 28)}T12:00:01.{random_digits(random, 9)}Z",
    "log line": lambda random: (
        f"2026-01-15 12:00:{random.randint(10, 59)},{random_digits(random, 3)} INFO landed {random.randint(0, 10**6)}"
        f" records of chunk {random.randint(0, 99)} in {random.randint(0, 10**5)} ms"
    ),
    "milliseconds before numbers": lambda random: f"12:00:01.{random_digits(random, 3)} 45 {random_digits(random, 4)}",
    "compact timestamp": lambda random: f"2026{random.randint(1, 12):02}15{random_digits(random, 6)}",
    "epoch milliseconds": lambda random: f"ts={random.randint(10**12, 2 * 10**12)}",
    "epoch microseconds": lambda random: f"ts={random.randint(10**15, 2 * 10**15 - 1)}",
    "epoch with nanoseconds": lambda random: f"{random.randint(10**9, 2 * 10**9)}.{random_digits(random, 9)}",
    "ZIP+4": lambda random: f"NY {random_digits(random, 5)}-{random_digits(random, 4)}",
    "telephone": lambda random: f"call 212-{random.randint(200, 999)}-{random_digits(random, 4)}",
    "telephone, unbroken": lambda random: f"call 212{random.randint(200, 999)}{random_digits(random, 4)}",
    "telephone, international": lambda random: f"+49{random.randint(10**10, 10**11 - 1)}",
    "IP address": lambda random: f"10.{random.randint(0, 99)}.{random.randint(100, 255)}.45 {random_digits(random, 4)}",
    "row numbers": lambda random: f"row {random.randint(1, 10**7)} of {random.randint(1, 10**7)}",
    "money": lambda random: f"${random.randint(0, 10**9):,}.{random_digits(random, 2)}",
    "money without commas": lambda random: f"amount {random.randint(10**8, 10**9 - 1)}.{random_digits(random, 2)} USD",
    "fraction": lambda random: f"took {random.random()!r} s, mean {random.uniform(0, 10000)!r}",
    "process and thread": lambda random: f"{random.randint(1000, 9999)} {random.randint(139 * 10**12, 141 * 10**12)}",
    "memory address": lambda random: f"<Lease object at 0x7f{random.getrandbits(40):010x}>",
    "years": lambda random: f"years {random.randint(1990, 2020)} 2021 2022, {random.randint(1990, 2020)}-2022",
    "dates": lambda random: f"2026-01-{random.randint(10, 28)} - 2026-02-{random.randint(10, 28)}",
    "list of numbers": lambda random: str([random.randint(1000, 9999) for _ in range(random.randint(5, 12))]),
    "SHA-256 in repr": lambda random: repr(random.choice("\n\t\r\f\v\0\x1b\xe9") + _sha256(random)),
    "SHA-256 in a URL": lambda random: f"GET /v1/file%{random.choice(('2F', '3A', '3D', '26', '22'))}{_sha256(random)}",
    "SHA-256 in JSON": lambda random: f'"caf\\u00e9\\n{_sha256(random)}\\u2013{_sha256(random)}"',
    "SHA-256 by its name": lambda random: f"sha256-{_sha256(random)} sha512-{sha512(random.randbytes(8)).hexdigest()}",
    "SHA-256 in colour": lambda random: f"\x1b[{random.randint(30, 37)}m{_sha256(random)}\x1b[0m",
    "UUID in repr": lambda random: repr(random.choice("\n\t\0\x1b") + str(UUID(int=random.getrandbits(128)))),
    "UUID in a URL": lambda random: f"/a%{random.choice(('2F', '20', '3D'))}{UUID(int=random.getrandbits(128))}%26b",
    "UUID in JSON": lambda random: f'"\\u2013{UUID(int=random.getrandbits(128))}"',
    "UUID, its hyphens encoded": lambda random: str(UUID(int=random.getrandbits(128))).replace("-", "%2D"),
    "nanoseconds of Go and git": lambda random: (
        f"2026-01-15 12:00:{random.randint(10, 59)}.{random_digits(random, 9)} "
        f"{random.choice(('+0000 UTC', '-0500 EST', '+0545', '-0930'))} m=+{random.random():.9f}"
    ),
    "nanoseconds of date -Ins": lambda random: f"2026-01-15T12:00:01,{random_digits(random, 9)}+00:00",
    "two ZIP+4": lambda random: (
        f"{random_digits(random, 5)}-{random_digits(random, 4)}{random.choice((' ', '  ', ' - ', chr(10)))}"
        f"{random_digits(random, 5)}-{random_digits(random, 4)}"
    ),
    "ZIP+4 and a year": lambda random: (
        f"{random_digits(random, 5)}-{random_digits(random, 4)} 20{random_digits(random, 2)}"
    ),
    "money with its currency": lambda random: (
        f"{random.randint(10**8, 10**9 - 1)}.{random_digits(random, 2)}{random.choice(('USD', 'EUR', 'usd', ' USD'))}"
    ),
    "IPv6 of digits": lambda random: f"peer {':'.join(str(random.randint(1, 9999)) for _ in range(8))} [::1]",
    "IPv6 of digits, shortened": lambda random: (
        f"route {':'.join(str(random.randint(1000, 9999)) for _ in range(4))}::{random.choice(('', '1'))}/64"
    ),
    "ten digits": lambda random: f"id {random.randint(10**9, 10**10 - 1)}",
    "case number": lambda random: f"{random.randint(1990, 2027)}-CV-{random_digits(random, 6)}",
}  # fmt: skip


def _sha256(random: Random) -> str:
    return sha256(random.randbytes(8)).hexdigest()


@pytest.mark.parametrize("kind", _INNOCENT)
def test_innocent_numbers_are_not_touched(kind: str) -> None:
    """Whatever their digits, these come back as the very same object."""
    random = Random(kind)
    lines = [_INNOCENT[kind](random) for _ in range(500)]
    assert [line for line in lines if redact(line) is not line] == []


@pytest.mark.parametrize(
    "text", ["1234567890", "12345678901234", "x12345678901234y", "12345-6789", "12345 6789", "$1,234,567.89"]
)
def test_longer_runs_and_other_shapes_stay(text: str) -> None:
    """Nine digits within ten are not nine digits, and 5-4 is a ZIP+4."""
    assert redact(text) is text
