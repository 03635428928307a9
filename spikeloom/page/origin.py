"""Where the network comes from, and what the figures on the page were made with."""

from spikeloom import encoders
from spikeloom.network import Network
from spikeloom.page import parts
from spikeloom.page.facts import Facts
from spikeloom.page.figures import said, table
from spikeloom.page.markup import Markup, tag

SAID = ("dataset", "recipe", "method", "seed", "test_images", "preprocess")


def section(facts: Facts) -> Markup:
    """Digest, provenance, versions."""
    network = facts.network
    rows: list[tuple[object, object]] = [
        ("network digest", tag("code", network.digest)), ("input", _input(network)),
        ("encoder", "none" if network.encoder is None else encoders.kind(network.encoder)),
        ("timesteps", f"{network.timesteps}"), ("readout", network.readout)]
    for key in SAID:
        if key in network.provenance:
            value = network.provenance[key]
            rows.append((key.replace("_", " "), said(value)))
    then, now = table(facts.report.get("versions")), facts.versions
    known = [(name, str(then.get(name, "-")), now.get(name, "-"))
             for name in list(dict.fromkeys([*now, *sorted(map(str, then))]))[:40]]
    return parts.section("origin", "Origin", tag(
        "div", parts.facts_of(rows), parts.rows_of(("program", "for the figures", "for this page"), known,
                                                   caption="Versions"), class_="two"))


def _input(network: Network) -> str:
    source = network.input
    sign = "signed" if source.signed else "unsigned"
    kind = "spikes" if source.range == (0, 1) else f"{sign} {source.bits}-bit integers"
    return f"{' x '.join(map(str, source.shape))} {kind}"
