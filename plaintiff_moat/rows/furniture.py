"""Lines of a file that are no records though they may be shaped like one: totals and counts."""

from typing import Final

import polars as pl

from plaintiff_moat.rows.codes import ErrorCode, message

__all__ = ["totals_lines", "with_footers"]

_WRONG_FIELD_COUNT: Final = "WRONG_FIELD_COUNT"  # the reader's code for a line with too few cells, as a footer may have

_THINGS: Final = "(?:records?|rows?|lines?|items?|entries|cases?|judge?ments?|plaintiffs?|accounts?)"
_LABEL: Final = (
    r"(?:(?:grand|sub|report|page|file|batch|control|record|row)?[ _-]*totals?"
    rf"(?: (?:of )?(?:{_THINGS}|amounts?|balance)){{0,2}}(?: (?:due|owed|outstanding))?"
    rf"|(?:total )?(?:number|count) of {_THINGS}|(?:record|row|line)[ _-]?count|{_THINGS} total"
    r"|end of (?:file|report))"
)
# Words that may be all of a name, too: footers only with figures.
_LABEL_OF_FIGURES: Final = rf"(?:(?:gesamt|zwischen)?summe|sum(?: of (?:{_THINGS}|amounts?))?|count)"
_FIGURES: Final = r"(?:[-+$€£( ]*[0-9][0-9,.]*\)?%? *)+"
_PAGE: Final = "(?:page|seite) [0-9]+ ?(?:of|von|/) ?[0-9]+"
# A label with nothing or figures behind it, a count of records, or a page's number; no other cell holds anything.
_TOTALS: Final = (
    rf"(?i)^[^\pL\pN]*(?:{_LABEL}[ :=]*(?:{_FIGURES}(?:{_THINGS})?)?"
    rf"|{_LABEL_OF_FIGURES}[ :=]*{_FIGURES}(?:{_THINGS})?|{_PAGE}"
    rf"|{_FIGURES}{_THINGS}(?: (?:in )?(?:total|selected|exported))?)[^\pL\pN]*$"
)
# Bytes of a footer's cells together. Told by its length alone, a record of a million costs next to nothing.
_FOOTER_LIMIT: Final = 80
_SEPARATORS: Final = """[,;|\t"'\\s]+"""


def totals_lines(read: pl.DataFrame) -> pl.Series:
    """Tell which records are footers: a label such as `Grand total` or `12 records`, figures, and nothing else.

    `read` has the cells c0, c1, … and the `size` of all of them together.
    """
    is_short = read["size"] <= _FOOTER_LIMIT
    if not is_short.any():
        return is_short
    suspects = is_short.arg_true()
    cells = read[suspects].select(
        pl.concat_str(pl.col("^c[0-9]+$").str.strip_chars(), separator=" ", ignore_nulls=True)
    )
    return is_short.scatter(suspects, _is_totals(cells.to_series()))


def with_footers(frame: pl.DataFrame) -> pl.DataFrame:
    """Give malformed lines that are footers their own code: a footer often has fewer cells than a record."""
    if frame["error_code"].null_count() == frame.height:
        return frame
    suspects = (frame["error_code"] == _WRONG_FIELD_COUNT).arg_true()
    if suspects.is_empty():
        return frame
    footers = suspects.filter(_is_totals(frame["raw"][suspects]))
    code = ErrorCode.TOTALS_LINE
    return frame.with_columns(
        frame["error_code"].scatter(footers, str(code)), frame["error_message"].scatter(footers, message(code))
    )


def _is_totals(texts: pl.Series) -> pl.Series:
    return texts.str.replace_all(_SEPARATORS, " ").str.strip_chars().str.contains(_TOTALS).fill_null(value=False)
