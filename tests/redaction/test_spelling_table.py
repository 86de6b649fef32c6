"""The acceptance run: every cell of the table, and a log that must come out as it went in.

`make test` takes a sample of it; all of it is marked `slow`.
"""

from random import Random

import pytest
from number_spellings import SEPARATORS, bare, grouped, random_digits
from spelling_table import CARD_GROUPINGS, CARD_ISSUERS, SSN_FORMS, innocent_line, issued_card

from plaintiff_moat.redaction import redact

ALL_VALUES, ALL_LINES = 1_000, 100_000
TOUCHED_AT_MOST = 0.001

sampled_and_whole = pytest.mark.parametrize("share", [0.03, pytest.param(1.0, marks=pytest.mark.slow)])


def test_the_table_has_the_size_that_is_promised() -> None:
    """Nineteen forms, thirteen issuers, twelve groupings."""
    assert (len(SSN_FORMS), len(CARD_ISSUERS), len(set(CARD_GROUPINGS))) == (19, 13, 12)


@sampled_and_whole
@pytest.mark.parametrize("form", SSN_FORMS)
def test_no_form_of_an_ssn_leaks(form: str, share: float) -> None:
    """A thousand random values of each form, valid or not, leave no digit behind."""
    random = Random(form)
    texts = (f"SSN {SSN_FORMS[form](random_digits(random, 9))} on file" for _ in range(int(ALL_VALUES * share)))
    assert [text for text in texts if bare(redact(text))] == []


@sampled_and_whole
@pytest.mark.parametrize("grouping", CARD_GROUPINGS, ids=lambda sizes: "-".join(map(str, sizes)))
@pytest.mark.parametrize("issuer", CARD_ISSUERS)
def test_no_grouping_of_an_issuers_cards_leaks(issuer: str, grouping: tuple[int, ...], share: float) -> None:
    """A thousand random numbers of each, with every separator in turn, leave no digit behind."""
    random = Random(f"{issuer} {grouping}")
    leaks = []
    for turn in range(int(ALL_VALUES * share)):
        text = f"card {grouped(issued_card(random, issuer), grouping, SEPARATORS[turn % len(SEPARATORS)])} declined"
        if bare(redact(text)):
            leaks.append(text)
    assert leaks == []


@sampled_and_whole
def test_innocent_log_lines_are_left_alone(share: float) -> None:
    """Less than one in a thousand lines full of ids, digests, times, telephones and money is touched at all."""
    random = Random(2026)
    count = int(ALL_LINES * share)
    lines = (innocent_line(random) for _ in range(count))
    touched = [line for line in lines if redact(line) is not line]
    assert len(touched) < TOUCHED_AT_MOST * count, touched[:5]
