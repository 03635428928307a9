"""What all figures share: one style, readable on light and on dark pages, and the frame of a drawing."""

from spikeloom.page.markup import Markup, tag
from spikeloom.page.svg import chart

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-weight: 600; font-size: 13px; }
.tick, .small { font-size: 10px; }
.axis, .rule { stroke: #8c959f; stroke-width: 1; }
.rule { stroke-opacity: .3; }
.clock { stroke: #8c959f; stroke-opacity: .25; stroke-dasharray: 2 3; }
.a, .b, .c, .grey { fill: none; stroke-width: 2; stroke-linejoin: round; }
.a { stroke: #0969da; } .b { stroke: #bf5700; } .c { stroke: #1a7f37; } .grey { stroke: #8c959f; stroke-width: 1; }
.dot-a { fill: #0969da; } .dot-b { fill: #bf5700; } .dot-c { fill: #1a7f37; } .dot-grey { fill: #8c959f; }
.spikes { fill: none; stroke: #0969da; stroke-width: 1.4; }
.on, .off { fill: none; stroke-width: 1; } .on { stroke: #0969da; } .off { stroke: #bf5700; }
.wave { fill: none; stroke: #0969da; stroke-width: 1.5; } .value { fill: #0969da; fill-opacity: .12; stroke: #0969da; }
.moved { fill: #1a7f37; fill-opacity: .13; }
@media (prefers-color-scheme: dark) { text { fill: #b1bac4; } .a, .on, .wave, .spikes, .value { stroke: #58a6ff; }
.dot-a { fill: #58a6ff; } .b, .off { stroke: #f0883e; } .dot-b { fill: #f0883e; } .c { stroke: #3fb950; }
.dot-c, .moved { fill: #3fb950; } }
"""


def drawing(label: str, width: float, height: float, *parts: object) -> str:
    """A whole SVG file; `label` is what a screen reader says."""
    style = Markup(f"<style>{STYLE}</style>")
    made = chart(label, height, tag("title", label), style, *parts, width=width, class_="figure",
                 xmlns="http://www.w3.org/2000/svg")
    return f"{made}\n"
