"""Mappings: those that come with the package, the user's own, and their fit to a header."""

import os
import pickle

import pytest

from plaintiff_moat.errors import BadInput, BadMapping
from plaintiff_moat.rows import CANONICAL_COLUMNS, DEFAULT_IDENTITY, load_mapping, mapping_for, mapping_names
from plaintiff_moat.rows.headers import reduced

MINIMAL = 'name = "own"\nversion = 1\n[columns]\nplaintiff_name = ["Creditor"]\n'


@pytest.fixture
def own(tmp_path):
    """Write a mapping of the user's own and load it."""

    def load(text):
        path = tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        return load_mapping(path)

    return load


def bound(mapping, *header):
    """Name the header that each canonical column is read from."""
    return {column: header[at] for column, at in mapping.bind(header).columns}


def test_three_mappings_come_with_the_package():
    """Each of them is valid and named as its file."""
    assert mapping_names() == ("generic", "jbi", "simplicity")
    assert [load_mapping(name).name for name in mapping_names()] == list(mapping_names())


def test_the_generic_mapping_knows_a_header_for_every_canonical_column():
    """The canonical names themselves, at least."""
    assert bound(load_mapping("generic"), *CANONICAL_COLUMNS) == {column: column for column in CANONICAL_COLUMNS}


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("PlaintiffName", "plaintiff_name"), ("Plaintiff Name", "plaintiff_name"), ("name", "plaintiff_name"),
        ("JudgmentNumber", "case_reference"), ("IndexNumber", "case_reference"), ("case_number", "case_reference"),
        ("docket", "case_reference"), ("docket_no", "case_reference"), ("CASE_NBR", "case_reference"),
        ("zip", "postal_code"), ("zipcode", "postal_code"), ("Zip Code", "postal_code"),
        ("phone", "contact_phone"), ("Telephone", "contact_phone"), ("PhoneNumber", "contact_phone"),
        ("email", "contact_email"), ("E-Mail", "contact_email"), ("EmailAddress", "contact_email"),
        ("amount", "judgment_amount"), ("judgment_total", "judgment_amount"), ("JudgementAmount", "judgment_amount"),
        ("judgment_date", "judgment_date"), ("DateOfJudgment", "judgment_date"),
        ("firm", "firm_name"), ("attorney", "firm_name"), ("law firm", "firm_name"), ("ContactPerson", "contact_name"),
        ("defendant", "defendant_name"), ("Debtor", "defendant_name"), ("JudgmentDebtor", "defendant_name"),
        ("street", "address"), ("Address1", "address"), ("town", "city"), ("StateCode", "state"),
        ("CourtName", "court"), ("COUNTY", "county"), ("RecordId", "source_reference"),
    ],
)  # fmt: skip
def test_the_generic_mapping_reads_vendor_spellings(header, column):
    """Snake, camel, spaced and vendor forms."""
    others = [] if column == "plaintiff_name" else ["Plaintiff Name"]
    assert bound(load_mapping("generic"), *others, header)[column] == header


def test_columns_that_nobody_asked_for_stay_extra():
    """Their positions are kept in file order."""
    assert load_mapping("simplicity").bind(["Notes", "Plaintiff Name", "Judge"]).extra == (0, 2)


def test_the_spelling_that_the_mapping_lists_first_wins():
    """Wherever it stands in the file; the other column stays extra."""
    fitted = load_mapping("generic").bind(["Name", "Phone", "Plaintiff Name", "Contact Phone"])
    assert dict(fitted.columns) == {"plaintiff_name": 2, "contact_phone": 3}
    assert fitted.extra == (0, 1)


def test_two_columns_of_the_same_spelling_are_refused():
    """Which of them is meant cannot be told."""
    with pytest.raises(BadInput, match=r"column 2 \('Email'\) and column 3 \('E-MAIL'\)"):
        load_mapping("generic").bind(["Name", "Email", "E-MAIL"])


def test_two_columns_of_the_same_spelling_that_nothing_reads_are_extra():
    """Only what fills a canonical column must be unambiguous."""
    assert load_mapping("generic").bind(["Name", "Notes", "Notes"]).extra == (1, 2)


def test_a_header_without_a_name_says_what_was_found_and_what_is_near():
    """The operator sees the cure in one line."""
    with pytest.raises(BadInput) as refusal:
        load_mapping("simplicity").bind(["Plantiff Name", "Index Number"])
    text = str(refusal.value)
    assert "'Plantiff Name', 'Index Number'" in text
    assert "expected one of 'Plaintiff Name'" in text
    assert text.endswith(
        "(did you mean 'Plaintiff Name'?); `moat inspect FILE -o mapping.toml` writes a mapping to correct"
    )


def test_a_file_without_a_header_is_guessed_and_its_values_are_not_shown():
    """The first line of such a file is a record."""
    with pytest.raises(BadInput) as refusal:
        load_mapping("generic").bind(["Ada", "ada@example.com", "212-555-0143", "123-45-6789"])
    text = str(refusal.value)
    assert text.endswith("is the first line a header?")
    assert "ada@example.com" not in text
    assert "555-0143" not in text
    assert "6789" not in text


def test_a_sensitive_column_never_fills_a_canonical_one(own):
    """Neither a built-in one nor one that the mapping declares, however the header is spelled."""
    with pytest.raises(BadMapping, match="'Debtor SSN' is a sensitive column and cannot fill source_reference"):
        own(MINIMAL + 'source_reference = ["Debtor SSN"]\n')
    with pytest.raises(BadMapping, match="'Ref' is a sensitive column and cannot fill source_reference"):
        own('sensitive = ["REF"]\n' + MINIMAL + 'source_reference = ["Ref"]\n')
    fitted = own(MINIMAL + 'source_reference = ["clientaccountnumber"]\n').bind(["Creditor", "Client Account Number"])
    assert dict(fitted.columns) == {"plaintiff_name": 0}
    assert fitted.sensitive == {1}


@pytest.mark.parametrize("header", ["w" * 96 + " pineapple", "y" * 92 + " 123-45-6789"])
def test_a_column_is_sensitive_too_if_its_label_is(header):
    """The database judges by the label, which is cut: what it would refuse in clear is masked."""
    assert load_mapping("generic").bind(["Name", "Case Number", header]).sensitive == {2}


def test_a_mapping_of_the_users_own_is_read_with_defaults(own):
    """Description, identity and sensitive columns may be left out."""
    mapping = own(MINIMAL)
    assert (mapping.identity, mapping.sensitive, mapping.description) == (DEFAULT_IDENTITY, frozenset(), "")
    assert bound(mapping, "CREDITOR") == {"plaintiff_name": "CREDITOR"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "is not TOML"),
        (MINIMAL.replace('name = "own"\n', ""), r'expected name = "...", found nothing'),
        (MINIMAL.replace("version = 1", 'version = "1"'), "whole number from 1, found a value of type str"),
        (MINIMAL.replace("version = 1", "version = true"), "found a value of type bool"),
        ('name = "own"\nversion = 1\n', r"expected a table \[columns\], found nothing"),
        ("colums = 1\n" + MINIMAL, "unknown key 'colums'.*did you mean 'columns'"),
        (MINIMAL + 'judgement_amount = ["A"]\n', "'judgement_amount'.*did you mean 'judgment_amount'"),
        (MINIMAL + 'city = "City"\n', "expected city = a list of texts"),
        (MINIMAL + 'city = ["--"]\n', "expected city = a list of texts"),
        (MINIMAL + 'city = ["creditor"]\n', "'creditor' stands for both plaintiff_name and city"),
        (MINIMAL.replace("plaintiff_name", "city"), "names no header for plaintiff_name"),
        ('identity = ["name"]\n' + MINIMAL, "unknown column in identity 'name'"),
        ("identity = []\n" + MINIMAL, "identity must name at least one"),
        ('identity = ["city", "city"]\n' + MINIMAL, "each only once"),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_meant_is_refused(own, text, message):
    """The message names the file, what is wrong and what would be right."""
    with pytest.raises(BadMapping, match=message) as refusal:
        own(text)
    assert "own.toml" in str(refusal.value)


def test_an_unknown_name_lists_those_that_exist_and_the_nearest():
    """A typing error is cured in one step."""
    with pytest.raises(BadMapping, match=r"expected one of generic, jbi, simplicity.*did you mean 'simplicity'\?"):
        load_mapping("simplcity")


def test_only_a_regular_file_is_read(tmp_path):
    """A folder is refused, and a pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(BadMapping, match="is not a regular file"):
            load_mapping(path)


def test_a_file_that_is_no_text_or_far_too_large_is_refused(tmp_path):
    """Somebody named the export itself."""
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    (tmp_path / "large.toml").write_bytes(b"#" * (2 << 20))
    for name, message in (("latin.toml", "is not TOML in UTF-8"), ("large.toml", "is larger than")):
        with pytest.raises(BadMapping, match=message):
            load_mapping(tmp_path / name)


def test_a_source_system_has_its_own_mapping_or_the_generic_one(tmp_path):
    """What is named explicitly comes first."""
    path = tmp_path / "own.toml"
    path.write_text(MINIMAL, encoding="utf-8")
    assert mapping_for("simplicity").name == "simplicity"
    assert mapping_for(" JBI ").name == "jbi"
    assert mapping_for("manual").name == "generic"
    assert mapping_for("../rows/mappings/jbi").name == "generic"
    assert mapping_for("simplicity", "generic").name == "generic"
    assert mapping_for("simplicity", path).name == "own"


def test_the_fingerprint_follows_what_decides_and_nothing_else(own):
    """A run is continued under the mapping that began it, and a better description is no other mapping."""
    base = own(MINIMAL).fingerprint
    same = (
        'description = "mine"\n' + MINIMAL,
        MINIMAL.replace('"Creditor"', '"CREDITOR"'),
    )
    other = (
        MINIMAL.replace("version = 1", "version = 2"),
        MINIMAL.replace('["Creditor"]', '["Creditor", "Name"]'),
        'identity = ["plaintiff_name"]\n' + MINIMAL,
        'sensitive = ["Ref"]\n' + MINIMAL,
    )
    assert {own(text).fingerprint for text in same} == {base}
    assert base not in {own(text).fingerprint for text in other}
    assert own(MINIMAL).bind(["Creditor"]).fingerprint == base


def test_an_identity_of_which_the_file_has_no_column_is_refused(own):
    """Every record would have the same key."""
    mapping = own('identity = ["source_reference"]\n' + MINIMAL + 'source_reference = ["Ref"]\n')
    assert mapping.bind(["Creditor", "Ref"]).columns
    with pytest.raises(BadInput, match="identifies records by source_reference"):
        mapping.bind(["Creditor", "Notes"])


def test_a_fitted_mapping_travels_with_a_chunk_task():
    """It is plain data: another process reads the same."""
    fitted = load_mapping("jbi").bind(["PLTF_NAME", "DBTR_TAX_NBR"])
    assert pickle.loads(pickle.dumps(fitted)) == fitted  # noqa: S301 (our own bytes)


def test_no_mapping_lists_the_same_spelling_twice():
    """The files are read by people: what stands there once is enough."""
    for name in mapping_names():
        for column, spellings in load_mapping(name).columns:
            keys = [reduced(spelling) for spelling in spellings]
            assert len(set(keys)) == len(keys), (name, column)
