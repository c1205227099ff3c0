"""Drawings of a program as a graph: SVG and HTML for a browser, plain text for a terminal."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from ryft_core.programs.atoms import Atom, Variable
from ryft_core.programs.programs import Program

__all__ = ["draw_html", "draw_svg", "draw_text"]

CHARACTER, LINE, MARGIN, GAP = 7.2, 34, 16, 26
"""Width of a character, height of a box, margin of the drawing, and gap between boxes, in pixels."""


class Node(NamedTuple):
    """One box of the drawing."""

    label: str
    detail: str
    kind: str
    sources: tuple[int, ...]


def _nodes(program: Program) -> list[Node]:
    """Returns the boxes: inputs, equations and outputs, each after those that it depends on."""
    nodes: list[Node] = []
    origin: dict[Atom, int] = {}
    for index, variable in enumerate(program.inputs):
        origin[variable] = len(nodes)
        nodes.append(Node(f"input {index}", str(variable.type), "input", ()))
    for equation in program.equations:
        sources = tuple(dict.fromkeys(origin[atom] for atom in equation.inputs if isinstance(atom, Variable)))
        literals = [str(atom.value.tolist()) for atom in equation.inputs if not isinstance(atom, Variable)]
        label = " ".join([equation.primitive.text(), *(text[:12] for text in literals)])
        nested = [inner.name for inner in equation.primitive.programs()]
        label += f" {{{', '.join(nested)}}}" if nested else ""
        detail = ", ".join(str(variable.type) for variable in equation.outputs)
        for variable in equation.outputs:
            origin[variable] = len(nodes)
        nodes.append(Node(label, detail, "call" if nested else "equation", sources))
    for index, atom in enumerate(program.outputs):
        sources = (origin[atom],) if isinstance(atom, Variable) else ()
        nodes.append(Node(f"output {index}", str(atom.type), "output", sources))
    return nodes


def _layers(nodes: list[Node]) -> list[list[int]]:
    """Returns the boxes row by row: each one row below the lowest box that it depends on."""
    depth: list[int] = []
    for node in nodes:
        depth.append(1 + max((depth[source] for source in node.sources), default=-1))
    layers: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    for index, row in enumerate(depth):
        layers[row].append(index)
    return layers


_COLOURS = {"input": "#d6e9ff", "equation": "#f4f4f4", "call": "#fff1cc", "output": "#d9f2d9"}


def draw_svg(program: Program) -> str:
    """Returns an SVG drawing of `program`: one box for each input, equation and output, and arrows along the values."""
    nodes = _nodes(program)
    layers = _layers(nodes)
    widths = [max(len(node.label), len(node.detail)) * CHARACTER + 16 for node in nodes]
    total = max((sum(widths[i] for i in layer) + GAP * (len(layer) - 1) for layer in layers), default=0)
    place: dict[int, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        x = MARGIN + (total - sum(widths[i] for i in layer) - GAP * (len(layer) - 1)) / 2
        for index in layer:
            place[index] = (x, MARGIN + row * (LINE + GAP))
            x += widths[index] + GAP
    width, height = total + 2 * MARGIN, len(layers) * (LINE + GAP) - GAP + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        'font-family="monospace" font-size="11">',
        '<defs><marker id="head" markerWidth="7" markerHeight="6" refX="6" refY="3" orient="auto">'
        '<path d="M0,0 L7,3 L0,6 z" fill="#777"/></marker></defs>',
    ]
    for index, node in enumerate(nodes):
        x, y = place[index]
        for source in node.sources:
            start = place[source]
            parts.append(
                f'<path d="M{start[0] + widths[source] / 2:.1f},{start[1] + LINE} '
                f'L{x + widths[index] / 2:.1f},{y:.1f}" '
                'stroke="#777" fill="none" marker-end="url(#head)"/>'
            )
        parts.append(
            f'<g><rect x="{x:.1f}" y="{y:.1f}" width="{widths[index]:.1f}" height="{LINE}" rx="5" '
            f'fill="{_COLOURS[node.kind]}" stroke="#555"/>'
            f'<text x="{x + 8:.1f}" y="{y + 14:.1f}">{escape(node.label)}</text>'
            f'<text x="{x + 8:.1f}" y="{y + 28:.1f}" fill="#666">{escape(node.detail)}</text></g>'
        )
    return "\n".join([*parts, "</svg>"])


def draw_html(program: Program) -> str:
    """Returns a page with the drawings of `program` and of every program that it holds, and their texts."""
    sections = [
        f"<h2>{escape(part.name)}</h2>\n{draw_svg(part)}\n<details><summary>text</summary>"
        f"<pre>{escape(str(part))}</pre></details>"
        for part in (program, *program.subprograms())
    ]
    title = escape(program.name)
    return f'<!doctype html>\n<meta charset="utf-8"><title>{title}</title>\n' + "\n".join(sections) + "\n"


def draw_text(program: Program) -> str:
    """Returns a drawing for a terminal: one line for each box, with a rail from each value to where it is last used."""
    nodes = _nodes(program)
    last_use = {source: index for index, node in enumerate(nodes) for source in node.sources}
    rails: list[int | None] = []
    lines: list[str] = []
    for index, node in enumerate(nodes):
        column = rails.index(None) if None in rails else len(rails)
        cells = ["○" if rail in node.sources else "│" if rail is not None else " " for rail in rails]
        for position, rail in enumerate(rails):
            if rail is not None and last_use.get(rail) == index:
                rails[position] = None
        if index in last_use:
            if column == len(rails):
                rails.append(None)
                cells.append(" ")
            rails[column] = index
            cells[column] = "●"
        lines.append(f"{' '.join(cells)}  {node.label}  {node.detail}".rstrip())
    return "\n".join(lines)
