"""The chart of a run: one panel for each of the figures that matter most."""

from pathlib import Path
from typing import Any

from benchmarks.figures import FIGURES

PANELS = ("request_ms", "answer_150", "answer_300_flat", "burst_50_p50_ms", "paced_50", "stream_kb")
OURS, THEIRS, FLOOR = "#d1495b", "#8d99ae", "#cfd4dc"


def draw(result: dict[str, Any], file: Path) -> Path | None:
    """Write the PNG; None, and no file, if matplotlib is not installed (the `bench` extra)."""
    try:
        from matplotlib.figure import Figure  # a slow import that nothing else needs
    except ImportError:
        return None
    peers = list(result["peers"])
    colours = [OURS, *[THEIRS] * (len(peers) - 2), FLOOR]
    drawing = Figure(figsize=(11, 5.6), layout="constrained")
    panels = drawing.subplots(2, 3).flat
    known = {figure.name: figure for figure in FIGURES}
    for panel, name in zip(panels, PANELS, strict=True):
        figure, row = known[name], result["medians"].get(name, {})
        found = [max(0.0, row.get(peer, 0.0)) for peer in peers]
        bars = panel.barh(peers, found, color=colours)
        labels = [
            f"{row[peer]:,.{figure.digits}f}" if peer in row else "not counted" for peer in peers
        ]
        panel.bar_label(bars, labels, padding=3)
        panel.set_title(f"{figure.label} ({figure.unit})", fontsize=10)
        panel.invert_yaxis()
        panel.margins(x=0.2)
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
        panel.set_xticks([])
    drawing.suptitle("Less is better")
    file.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(file, dpi=110)
    return file
