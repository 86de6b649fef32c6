"""Redaction beside Presidio and scrubadub: which spellings each catches, and how fast, on the same lines in one run.

    pip install 'plaintiff-moat[bench-redaction]'
    python benchmarks/redaction.py                    # prints the tables, writes benchmarks/results/redaction.md

Of the peers only the recognisers of social security and card numbers run, without engine, language model or
anonymiser: the least that they can cost. Whatever score they give counts as caught. Times are processor time on one
core; each block of lines goes through every tool in turn, several times, and the least of these counts, so that what
else the machine does disturbs all alike. Tables and lines are those of `tests/redaction/spelling_table.py`.
"""

import argparse
import gc
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "redaction")]

from number_spellings import SEPARATORS, bare, grouped  # noqa: E402 - the tests' folder is no package
from spelling_table import (  # noqa: E402
    CARD_GROUPINGS,
    CARD_ISSUERS,
    SSN_FORMS,
    everyday_line,
    issued_card,
    issued_ssn,
    sentence,
)

from plaintiff_moat import __version__  # noqa: E402
from plaintiff_moat.redaction import redact  # noqa: E402

Redactor = Callable[[str], object]
Spans = Iterator[tuple[int, int]]

OURS = "plaintiff_moat"
BLOCK = 1_000  # lines
ONE_IN = 100  # lines holds a number to hide
VALUES = 100  # random numbers for each cell of the tables
PRINTED = (4, 4, 4, 4)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the report."""
    parser = argparse.ArgumentParser(description="Redaction beside Presidio and scrubadub.")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "redaction.md")
    options = parser.parse_args(arguments)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tools, versions = _tools()
    sections = (
        _heading(options, versions),
        _speeds(tools, options.lines, options.passes, options.seed),
        _ssn_table(tools, options.seed),
        _issuer_table(tools, options.seed),
        _separator_table(tools, options.seed),
    )
    report = "\n\n".join(sections) + "\n"
    print(report)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(report, encoding="utf-8")


def _tools() -> tuple[dict[str, Redactor], list[str]]:
    """The tools that are installed, and what to say of each."""
    tools: dict[str, Redactor] = {OURS: redact}
    said = [f"{OURS} {__version__}"]
    for distribution, make in (("presidio-analyzer", _presidio), ("scrubadub", _scrubadub)):
        try:
            tools[distribution] = make()
        except ImportError as missing:
            said.append(f"{distribution} left out: {missing}")
        else:
            said.append(f"{distribution} {version(distribution)}")
    return tools, said


def _presidio() -> Redactor:
    from presidio_analyzer.predefined_recognizers import (  # noqa: PLC0415 - a peer may be absent
        CreditCardRecognizer,
        UsSsnRecognizer,
    )

    recognisers = [(UsSsnRecognizer(), ["US_SSN"]), (CreditCardRecognizer(), ["CREDIT_CARD"])]

    def spans(text: str) -> Spans:
        for recogniser, entities in recognisers:
            yield from ((found.start, found.end) for found in recogniser.analyze(text, entities, None))

    return lambda text: _without(text, spans(text))


def _scrubadub() -> Redactor:
    from scrubadub.detectors import CreditCardDetector  # noqa: PLC0415 - a peer may be absent
    from scrubadub.detectors.en_US import SocialSecurityNumberDetector  # noqa: PLC0415 - the same

    detectors = [SocialSecurityNumberDetector(locale="en_US"), CreditCardDetector(locale="en_US")]

    def spans(text: str) -> Spans:
        for detector in detectors:
            yield from ((found.beg, found.end) for found in detector.iter_filth(text))

    return lambda text: _without(text, spans(text))


def _without(text: str, spans: Spans) -> str:
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + "[REDACTED]" + text[end:]
    return text


def _heading(options: argparse.Namespace, versions: Sequence[str]) -> str:
    machine = (
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    return (
        "# Redaction: spellings and speed\n\n"
        f"Written by `python benchmarks/redaction.py --lines {options.lines} --passes {options.passes} "
        f"--seed {options.seed}`.\n{machine}, one core. {'; '.join(versions)}."
    )


def _speeds(tools: Mapping[str, Redactor], count: int, passes: int, seed: int) -> str:
    random = _random(seed)
    with_digits = [_line(random, number) for number in range(count)]
    clean = [sentence(random, 16) for _ in range(count // 10)]
    seconds, clean_seconds = _least_seconds(tools, with_digits, passes), _least_seconds(tools, clean, passes)
    megabytes = sum(len(line.encode()) for line in with_digits) / 1e6
    rows = [
        [
            tool,
            f"{seconds[tool]:.2f}",
            f"{megabytes / seconds[tool]:.1f}",
            f"{seconds[tool] / len(with_digits) * 1e6:.1f}",
            f"{clean_seconds[tool] / len(clean) * 1e6:.2f}",
            f"{seconds[tool] / seconds[OURS]:.1f}",
        ]
        for tool in tools
    ]
    return (
        f"## Speed\n\n{count:,} log lines with digits ({megabytes / count * 1e6:.0f} bytes each, one in {ONE_IN} with "
        f"a number to hide), and {len(clean):,} clean ones of {sum(map(len, clean)) / len(clean):.0f} characters "
        "without a digit; processor time.\n\n"
        + _table(["", "s", "MB/s", "µs a line", "µs a clean line", "times as long"], rows)
    )


def _random(*seed: object) -> Random:
    return Random(repr(seed))


def _line(random: Random, number: int) -> str:
    line = everyday_line(random)
    if number % ONE_IN:
        return line
    secret = issued_ssn(random) if number % (2 * ONE_IN) else issued_card(random, "Visa")
    return f"{line} ref={grouped(secret, (3, 2, 4) if len(secret) == len('123456789') else (*PRINTED, 3), '-')}"


def _least_seconds(tools: Mapping[str, Redactor], lines: Sequence[str], passes: int) -> dict[str, float]:
    seconds = dict.fromkeys(tools, 0.0)
    gc.disable()
    for start in range(0, len(lines), BLOCK):
        block = lines[start : start + BLOCK]
        for tool, redactor in tools.items():
            seconds[tool] += min(_seconds(redactor, block) for _ in range(passes))
        gc.collect()
    gc.enable()
    return seconds


def _seconds(redactor: Redactor, lines: Sequence[str]) -> float:
    started = time.process_time()
    for line in lines:
        redactor(line)
    return time.process_time() - started


def _ssn_table(tools: Mapping[str, Redactor], seed: int) -> str:
    rows = []
    for form, write in SSN_FORMS.items():
        random = _random(seed, form)
        texts = [f"SSN {write(issued_ssn(random))} on file" for _ in range(VALUES)]
        example = write("123456789").encode("unicode_escape").decode().replace("\\\\", "\\")
        rows.append([form, f"`{example}`", *(_caught(redactor, texts) for redactor in tools.values())])
    totals = [f"**{sum(row[at] == 'all' for row in rows)} of {len(rows)}**" for at in range(2, 2 + len(tools))]
    return (
        f"## Social security numbers\n\n{VALUES} random numbers in each form, all such as could have been issued.\n\n"
        + _table(["form", "example", *tools], [*rows, ["**caught**", "", *totals]])
    )


def _issuer_table(tools: Mapping[str, Redactor], seed: int) -> str:
    rows = []
    for issuer in CARD_ISSUERS:
        random = _random(seed, issuer)
        cells = [
            [f"card {grouped(issued_card(random, issuer), sizes, ' ')} declined" for _ in range(VALUES)]
            for sizes in CARD_GROUPINGS
        ]
        caught = [sum(_caught(redactor, texts) == "all" for texts in cells) for redactor in tools.values()]
        rows.append([issuer, *(f"{count} of {len(cells)}" for count in caught)])
    sizes = "; ".join("-".join(map(str, grouping)) for grouping in CARD_GROUPINGS)
    return (
        "## Card numbers: issuers and groupings\n\nIn how many of twelve groupings, joined by spaces, every one of "
        f"{VALUES} random numbers is caught.\nThe groupings, each as far as the number goes: {sizes}.\n\n"
        + _table(["issuer", *tools], rows)
    )


def _separator_table(tools: Mapping[str, Redactor], seed: int) -> str:
    rows = []
    for separator in SEPARATORS:
        random = _random(seed, separator)
        texts = [
            f"card {grouped(issued_card(random, 'Mastercard'), PRINTED, separator)} declined" for _ in range(VALUES)
        ]
        shown = f"`{separator!a}`".replace("\\\\", "\\") if separator else "none"
        rows.append([shown, *(_caught(redactor, texts) for redactor in tools.values())])
    return f"## Card numbers: separators\n\n{VALUES} Mastercard numbers in groups of four.\n\n" + _table(
        ["separator", *tools], rows
    )


def _caught(redactor: Redactor, texts: Sequence[str]) -> str:
    caught = sum(not bare(str(redactor(text))) for text in texts)
    return {len(texts): "all", 0: "none"}.get(caught, f"{caught / len(texts):.0%}")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
