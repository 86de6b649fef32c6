"""How people and programs write social security and card numbers, and numbers to make examples of."""

import unicodedata
from collections.abc import Callable, Sequence
from itertools import islice
from random import Random

ZEROS = {"full-width": 0xFF10, "Arabic-Indic": 0x0660, "Devanagari": 0x0966, "mathematical": 0x1D7CE}


def grouped(digits: str, sizes: Sequence[int], separator: str) -> str:
    """The digits in groups of these sizes, as far as they go."""
    rest = iter(digits)
    groups = ["".join(islice(rest, size)) for size in sizes]
    return separator.join(group for group in groups if group)


def joined(separator: str) -> Callable[[str], str]:
    """A spelling of nine digits as 3-2-4 with this separator."""
    return lambda digits: grouped(digits, (3, 2, 4), separator)


def in_script(name: str, separator: str) -> Callable[[str], str]:
    """A spelling in another script's digits."""
    zero = ZEROS[name]
    return lambda digits: separator.join(
        "".join(chr(zero + int(digit)) for digit in group) for group in grouped(digits, (3, 2, 4), " ").split()
    )


SSN_SPELLINGS: dict[str, Callable[[str], str]] = {
    "unbroken": lambda digits: digits,
    "hyphen-minus": joined("-"),
    "dot": joined("."),
    "space": joined(" "),
    "spaced hyphen": joined(" - "),
    "en dash": joined("\u2013"),
    "em dash": joined("\u2014"),
    "figure dash": joined("\u2012"),
    "non-breaking hyphen": joined("\u2011"),
    "minus sign": joined("\u2212"),
    "full-width hyphen": joined("\uff0d"),
    "non-breaking space": joined("\xa0"),
    "thin space": joined("\u2009"),
    "narrow non-breaking space": joined("\u202f"),
    "tab": joined("\t"),
    "zero-width space": joined("\u200b"),
    "word joiner beside the hyphen": joined("\u2060-\u2060"),
    "soft hyphen": joined("\xad"),
    "full-width digits": in_script("full-width", "\uff0d"),
    "Arabic-Indic digits": in_script("Arabic-Indic", "-"),
    "Devanagari digits": in_script("Devanagari", " "),
    "mathematical digits": in_script("mathematical", ""),
    "percent-encoded hyphen": joined("%2D"),
    "percent-encoded en dash": joined("%E2%80%93"),
    "percent-encoded twice": joined("%252d"),
    "form-encoded space": joined("+"),
    "percent-encoded en dash, twice": joined("%25E2%2580%2593"),
    "percent-encoded as scripts do": joined("%u2013"),
    "backslash escape": joined("\\u002d"),
    "backslash escape, twice": joined("\\\\u2011"),
    "backslash octets": joined("\\xe2\\x80\\x91"),
    "octal escape": joined("\\055"),
    "octal octets": joined("\\342\\200\\223"),
    "octal digits": lambda digits: "".join(
        f"\\06{digit}" if digit < "8" else f"\\07{int(digit) - 8}" for digit in digits
    ),
    "named escape": joined("\\N{EN DASH}"),
    "quoted-printable hyphen": joined("=2D"),
    "quoted-printable en dash": joined("=E2=80=93"),
    "quoted-printable en dash with spaces": joined(" =E2=80=93 "),
    "quoted-printable en dash of Windows-1252": joined("=96"),
    "quoted-printable line break": lambda digits: f"{digits[:3]}-{digits[3:5]}-{digits[5:7]}=\r\n{digits[7:]}",
    "HTML decimal entity": joined("&#45;"),
    "HTML hex entity": joined("&#x2013;"),
    "HTML named entity": joined("&ndash;"),
    "escaped line break": joined("\\n"),
    "line break": joined("\n"),
    "hyphen, line break and indent": joined("-\r\n    "),
    "undecodable Windows-1252 dash": joined("\udc96"),
    "replacement character": joined("\ufffd"),
    "en dash decoded with the wrong table": joined("\xe2\u20ac\u201c"),
    "escaped digits": lambda digits: "".join(f"\\u{0x30 + int(digit):04x}" for digit in digits),
    "JSON of mathematical digits": lambda digits: "".join(f"\\ud835\\udf{0xCE + int(digit):x}" for digit in digits),
    "mixed separators": lambda digits: f"{digits[:3]}-{digits[3:5]} {digits[5:]}",
    "second hyphen forgotten": lambda digits: f"{digits[:3]}-{digits[3:]}",
    "as a float": lambda digits: f"{digits}.0"[:-2],
}

GLUED = (
    "SSN{}",
    "id_{}_x",
    "abc{}",
    "{}th",
    "ssn={}&x",
    "'{}'",
    "({})",
    "#{}",
    "a:{},b",
    "42,{},7",
    "/in/{}.csv",
    "${}",
)

ISSUERS: dict[str, tuple[str, int]] = {
    "Visa": ("4", 16),
    "Visa, 13 digits": ("4", 13),
    "Visa, 19 digits": ("4", 19),
    "Mastercard": ("53", 16),
    "Mastercard, 2 series": ("2345", 16),
    "American Express": ("37", 15),
    "Discover": ("6011", 16),
    "Diners Club": ("36", 14),
    "JCB": ("3541", 16),
    "UnionPay": ("62", 19),
    "Maestro": ("5038", 16),
    "Maestro, 13 digits": ("6759", 13),
    "Mir": ("2202", 16),
    "RuPay": ("8170", 16),
    "Troy": ("9792", 16),
}

GROUPINGS: tuple[tuple[int, ...], ...] = (
    (19,), (4, 4, 4, 4, 3), (4, 4, 4, 7), (4, 6, 5, 4), (4, 6, 9), (6, 4, 9), (4, 4, 11), (5, 5, 5, 4), (6, 6, 7),
    (2,) * 9 + (1,), (1,) * 19, (7, 3, 9),
)  # fmt: skip

SEPARATORS = ("-", " ", ".", "", "_", " - ", "\u2011", "\xa0", "\u200b", "%20", "\\u2013", "\n")
MARKS = (*"/:|*,~;#=\\", ", ", " / ", " | ", "\\/", "\\\\", "=2D", "\\055", "%252D", "\\N{EN DASH}", "=E2=80=93")


def random_digits(random: Random, count: int) -> str:
    """So many digits, each as likely as any other."""
    return "".join(random.choices("0123456789", k=count))


def random_card(random: Random, prefix: str, length: int) -> str:
    """A number of the issuer with a valid Luhn digit, reckoned the slow way round."""
    body = prefix + random_digits(random, length - len(prefix) - 1)
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{body}{-total % 10}"


def bare(text: str) -> str:
    """The decimal digits that are left of a text once every spelling of them is folded to ASCII."""
    return "".join(char for char in unicodedata.normalize("NFKC", text) if char.isdecimal())
