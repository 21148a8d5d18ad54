#!/usr/bin/env python3
"""Plots of benchmarks as SVG: plots.py DIRECTORY.

Reads each DIRECTORY/NAME.tsv (a line "# title", then a header line, then rows: what was measured, and a figure for each
server, "-" for none) and writes DIRECTORY/NAME.svg: bars on a logarithmic scale. `make bench-plots` runs it; the same
figures give the same files.
"""
import math
import pathlib
import sys
from xml.sax.saxutils import escape

COLOURS = ["#1b6ca8", "#c8553d", "#999999", "#6a994e"]
LEFT, WIDTH, BAR, GAP, TOP = 170, 520, 11, 12, 58


def read(path):
    lines = [line for line in path.read_text().splitlines() if line]
    title = lines[0].lstrip("# ")
    servers = lines[1].split("\t")[1:]
    rows = [line.split("\t") for line in lines[2:]]
    return title, servers, [(row[0], [None if cell == "-" else float(cell) for cell in row[1:]]) for row in rows]


def shown(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def text(x, y, words, anchor="start", size=11):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def plot(title, servers, rows):
    values = [value for _, row in rows for value in row if value]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    place = lambda value: LEFT + WIDTH * (math.log10(value) - low) / max(high - low, 1)
    height = TOP + len(rows) * (len(servers) * BAR + GAP) + 24
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 80}" height="{height}" font-family="sans-serif">',
        f'<rect width="100%" height="100%" fill="white"/>',
        text(10, 20, title, size=13),
    ]
    for at, server in enumerate(servers):
        x = LEFT + 150 * at
        out.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{COLOURS[at]}"/>' + text(x + 15, 41, server))
    for power in range(low, high + 1):
        x = place(10.0**power)
        out.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 22}" stroke="#dddddd"/>')
        out.append(text(x, height - 8, shown(10.0**power), "middle", 10))
    y = TOP
    for name, row in rows:
        out.append(text(LEFT - 8, y + (len(servers) * BAR) / 2 + 4, name, "end"))
        for at, value in enumerate(row):
            if value:
                end = place(value)
                out.append(f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" height="{BAR - 1}" fill="{COLOURS[at]}"/>')
                out.append(text(end + 4, y + BAR - 2, shown(value), size=10))
            y += BAR
        y += GAP
    return "\n".join(out + ["</svg>", ""])


def main():
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.tsv")):
        path.with_suffix(".svg").write_text(plot(*read(path)))
        print(path.with_suffix(".svg"))


if __name__ == "__main__":
    main()
