"""The table that redaction is held against: forms of an SSN, issuers and groupings of cards, and innocent log lines."""

import hashlib
from collections.abc import Callable
from random import Random
from uuid import UUID

from number_spellings import GROUPINGS, SSN_SPELLINGS, grouped, random_card, random_digits

__all__ = [
    "CARD_GROUPINGS",
    "CARD_ISSUERS",
    "SSN_FORMS",
    "everyday_line",
    "innocent_line",
    "issued_card",
    "issued_ssn",
    "sentence",
]

_SAME_AS_ELSEWHERE = (
    "hyphen-minus", "unbroken", "dot", "space", "spaced hyphen", "en dash", "non-breaking hyphen", "non-breaking space",
    "thin space", "zero-width space", "soft hyphen", "full-width digits", "Arabic-Indic digits",
    "percent-encoded hyphen", "backslash escape", "HTML decimal entity", "line break",
)  # fmt: skip

SSN_FORMS: dict[str, Callable[[str], str]] = {
    **{name: SSN_SPELLINGS[name] for name in _SAME_AS_ELSEWHERE},
    "glued to underscores": lambda digits: f"id_{grouped(digits, (3, 2, 4), '-')}_x",
    "glued to letters": lambda digits: f"SSN{digits}",
}

CARD_ISSUERS: dict[str, tuple[tuple[str, int], ...]] = {
    "Visa": (("4", 16), ("4", 13), ("4", 19)),
    "Mastercard": (("51", 16), ("55", 16), ("2221", 16), ("2720", 16)),
    "American Express": (("34", 15), ("37", 15)),
    "Discover": (("6011", 16), ("644", 16), ("65", 16)),
    "Diners Club": (("300", 14), ("36", 14), ("38", 14), ("39", 16)),
    "JCB": (("3528", 16), ("3589", 16)),
    "UnionPay": (("62", 16), ("62", 17), ("62", 18), ("62", 19)),
    "Maestro": (("5018", 16), ("6759", 13), ("6763", 19)),
    "Mir": (("2200", 16), ("2204", 16)),
    "RuPay": (("8172", 16), ("6521", 16)),
    "Troy": (("9792", 16),),
    "Elo": (("5067", 16), ("6363", 16)),
    "Verve": (("5061", 16), ("5061", 19)),
}

CARD_GROUPINGS = GROUPINGS

_WORDS = (
    "the", "run", "of", "this", "vendor", "was", "claimed", "by", "another", "worker", "and", "its", "records", "are",
    "published", "once", "more", "after", "review", "while", "a", "chunk", "waits", "for", "its", "turn", "so", "that",
    "nothing", "is", "lost", "when", "the", "server", "goes", "away", "in", "the", "middle", "of", "a", "landing",
)  # fmt: skip


def issued_ssn(random: Random) -> str:
    """Nine digits that the Social Security Administration could have issued."""
    area = random.choice([*range(1, 666), *range(667, 900)])
    return f"{area:03}{random.randint(1, 99):02}{random.randint(1, 9999):04}"


def issued_card(random: Random, issuer: str) -> str:
    """A number of the issuer, of one of its prefixes and lengths, with a valid Luhn digit."""
    return random_card(random, *random.choice(CARD_ISSUERS[issuer]))


def sentence(random: Random, words: int) -> str:
    """A sentence without a digit."""
    return " ".join(random.choices(_WORDS, k=words))


def everyday_line(random: Random) -> str:
    """A log line full of numbers, none of which is anybody's: of an importer, a web server, a JSON logger, people."""
    return random.choice(_LINES)(random)


def innocent_line(random: Random) -> str:
    """An everyday line, or one of those in which it is hard to see that nothing in them is anybody's number."""
    return random.choice(_LINES + _RARE_LINES)(random)


def _stamp(random: Random) -> str:
    day = f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    return f"{day} {_time(random)},{random.randint(0, 999):03} {random.choice(('INFO', 'WARNING', 'DEBUG'))}"


def _time(random: Random) -> str:
    return f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}"


def _uuid(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _money(random: Random) -> str:
    return f"${random.randint(100, 10**7):,}.{random.randint(0, 99):02}"


def _address(random: Random) -> str:
    return ".".join(str(random.randint(0, 255)) for _ in range(4))


def _phone(random: Random) -> str:
    area, exchange, line = random.randint(201, 989), random.randint(200, 999), random.randint(0, 9999)
    form = random.choice(("({}) {}-{:04}", "{}-{}-{:04}", "{}{}{:04}", "+1 {} {} {:04}", "{}.{}.{:04}"))
    return form.format(area, exchange, line)


_LINES: tuple[Callable[[Random], str], ...] = (
    lambda random: (
        f"{_stamp(random)} run {_uuid(random)} claimed by worker host-{random.randint(1, 40)}:"
        f"{random.randint(100, 65000)}:{random.getrandbits(24):06x}, attempt {random.randint(1, 4)}"
    ),
    lambda random: (
        f"{_stamp(random)} file_hash={hashlib.sha256(random.randbytes(8)).hexdigest()} "
        f"bytes={random.randint(10**4, 10**8)} records={random.randint(10, 10**6)}"
    ),
    lambda random: (
        f"{_stamp(random)} landed row {random.randint(1, 10**6)} of {random.randint(1, 10**6)}, "
        f"chunk {random.randint(0, 99)}, in {random.random() * 9:.3f} s; {sentence(random, 8)}"
    ),
    lambda random: (
        f'{_address(random)} - - [15/Jan/2026:{_time(random)} +0000] "GET /runs/{_uuid(random)}?page='
        f'{random.randint(1, 99)}&size=50 HTTP/1.1" 200 {random.randint(100, 99999)} "-" "Mozilla/5.0 (X11; Linux)"'
    ),
    lambda random: (
        f'{{"ts": {random.randint(1_500_000_000_000, 1_800_000_000_000)}, "level": "info", "event": '
        f'"{sentence(random, 6)}", "row": {random.randint(1, 10**6)}, "amount": "{_money(random)}"}}'
    ),
    lambda random: (
        f"2026-01-{random.randint(10, 28)}T{_time(random)}.{random_digits(random, 6)}Z warning "
        f"PHONE_UNRECOGNISED row={random.randint(1, 10**6)} line={random.randint(1, 10**6)} {sentence(random, 10)}"
    ),
    lambda random: (
        f"{_stamp(random)} {sentence(random, 4)}, call {_phone(random)}, Albany NY "
        f"{random_digits(random, 5)}-{random_digits(random, 4)}, judgment {_money(random)} of {random.randint(1, 12)}/"
        f"{random.randint(1, 28)}/{random.randint(1990, 2026)}, index no. {random.randint(1, 999999):06}/"
        f"{random.randint(1990, 2026)}"
    ),
    lambda random: (
        f"{_stamp(random)} [{random.randint(100, 65000)}] {_address(random)}:{random.randint(1024, 65535)} "
        f"took {random.random()!r} s, {random.randint(0, 10**6):,} rows/s, {random.randint(1, 99)} % done"
    ),
    lambda random: f"{_stamp(random)} {sentence(random, 14)} ({random.randint(1, 500)})",
    lambda random: (
        f"{_stamp(random)} trace={random.getrandbits(128):032x} span={random.getrandbits(64):016x} "
        f"epoch_ms={random.randint(1_500_000_000_000, 1_800_000_000_000)} {sentence(random, 6)}"
    ),
)

# What few logs hold, and what was once taken for a number: escapes before a digest, nanoseconds, pairs of ZIP+4.
_RARE_LINES: tuple[Callable[[Random], str], ...] = (
    lambda random: (
        f'time="2026-01-{random.randint(10, 28)} {_time(random)}.{random_digits(random, 9)} +0000 UTC" level=info peer='
        f"[{':'.join(str(random.randint(1, 9999)) for _ in range(8))}]:443 integrity=sha256-"
        f'{hashlib.sha256(random.randbytes(8)).hexdigest()} path="/runs%2F{_uuid(random)}"'
    ),
    lambda random: (
        f'{{"text": "{sentence(random, 3)}\\n{hashlib.sha256(random.randbytes(8)).hexdigest()}", "zips": "'
        f"{random_digits(random, 5)}-{random_digits(random, 4)} {random_digits(random, 5)}-{random_digits(random, 4)}"
        f'", "amount": "{random.randint(10**8, 10**9 - 1)}.{random.randint(0, 99):02}USD"}}'
    ),
)
