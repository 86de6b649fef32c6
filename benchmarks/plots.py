"""The plots, drawn in a process of its own: `plots.py contenders|growth OUT.png`, with the figures as JSON on stdin."""

import json
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

OURS_COLOUR, OTHERS_COLOUR = "#1f5fa8", "#9aa5b1"
OURS = "moat"


def contenders(plt: Any, taken: Mapping[str, Sequence[float]]) -> Any:
    """A dot for the median of each contender, a line from its least to its most, seconds on a logarithmic axis."""
    names = sorted(taken, key=lambda name: median(taken[name]), reverse=True)
    figure, axes = plt.subplots(figsize=(8, 0.55 * len(names) + 1.4), layout="constrained")
    for place, name in enumerate(names):
        middle = median(taken[name])
        colour = OURS_COLOUR if name == OURS else OTHERS_COLOUR
        axes.plot([min(taken[name]), max(taken[name])], [place, place], color=colour, linewidth=3)
        axes.plot(middle, place, "o", color=colour, markersize=8)
        ratio = f", {middle / median(taken[OURS]):.1f} times moat" if OURS in taken and name != OURS else ""
        axes.annotate(
            f"{middle:.3g} s{ratio}",
            (middle, place),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set(xscale="log", xlabel="seconds, whole process (logarithmic)", yticks=range(len(names)), yticklabels=names)
    axes.margins(x=0.2, y=0.12)
    axes.grid(axis="x", which="both", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def growth(plt: Any, panels: Sequence[Mapping[str, Any]]) -> Any:
    """One panel for each group of figures, both axes logarithmic: linear growth is a line at 45 degrees."""
    figure, all_axes = plt.subplots(1, len(panels), figsize=(5 * len(panels), 4.2), layout="constrained", squeeze=False)
    for axes, panel in zip(all_axes[0], panels, strict=True):
        for name, points in panel["lines"].items():
            axes.plot(*zip(*points, strict=True), "o-", label=name, markersize=4)
        axes.set(xscale="log", yscale="log", title=panel["title"], xlabel=panel["x"], ylabel=panel["y"])
        axes.grid(which="both", alpha=0.25)
        axes.legend(fontsize=7, frameon=False)
    return figure


def main() -> None:
    """Writes the picture; says so where matplotlib is missing."""
    kind, out = sys.argv[1:]
    try:
        import matplotlib as mpl  # noqa: PLC0415 - of the benchmarks' own environment
    except ImportError:
        print(f"{out} is not drawn: matplotlib is not installed", file=sys.stderr)
        return
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after the choice of what it draws with

    draw = {"contenders": contenders, "growth": growth}[kind]
    draw(plt, json.load(sys.stdin)).savefig(out, dpi=144, metadata={"Software": None})


if __name__ == "__main__":
    main()
