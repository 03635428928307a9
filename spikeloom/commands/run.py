"""Ask a device: inferences on a board, or on a virtual one, over its serial port.

Without --image, --images, --events or --dataset the samples are those beside the network's file. Each result is shown
when it comes. A port that is unplugged is waited for, and the sample asked again. Exit code 1 if --check finds a
difference, 2 if the device is another network's or does not answer.
"""

from contextlib import nullcontext

from spikeloom import commands, terminal
from spikeloom.commands import _answers as answers
from spikeloom.commands import _inputs as inputs
from spikeloom.errors import SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom run examples/mnist-icebreaker.qsnn --port /dev/ttyUSB1 --limit 10"


def add(parser) -> None:
    commands.network_argument(parser)
    parser.add_argument("--port", required=True, help="the serial port, as /dev/ttyUSB1, or as spikeloom virtual says")
    inputs.add(parser)
    parser.add_argument("--baud", type=int, default=answers.BAUD, help=f"of the port (default: {answers.BAUD})")
    answers.add(parser)
    parser.add_argument("--clock", type=float, metavar="MHZ", help="the device's clock, to show times too")
    parser.add_argument("--scores", action="store_true", help="read and show each output's score")
    parser.add_argument("--check", action="store_true", help="compare each class and score with the integer reference")


def run(arguments) -> int:
    if arguments.clock is not None and not arguments.clock > 0:
        raise SpikeloomError(f"--clock must be more than 0 MHz, not {arguments.clock!r}")
    network = load(arguments.network)
    chosen = inputs.choose(arguments, network)
    clock_hz = None if arguments.clock is None else arguments.clock * 1e6
    expected = None
    if arguments.check:
        from spikeloom.sim.reference import simulate
        expected = simulate(network, chosen.frames)

    def told(number: int, answer: answers.Answer) -> None:
        truth = None if chosen.labels is None else int(chosen.labels[number])
        print(answers.line(network, number, answer, truth, clock_hz), flush=True)

    with answers.open_device(arguments, network, arguments.port, arguments.baud) as device, \
            (terminal.progress("ask") if arguments.json else nullcontext()) as update:
        each = (lambda number, _: update(number + 1, len(chosen.frames))) if arguments.json else told
        found = answers.ask(device, chosen.frames, scores=arguments.scores or arguments.check, each=each)
    summary = answers.summarize(found, chosen, expected)
    if arguments.json:
        terminal.dump(answers.to_json(summary, found, chosen, clock_hz))
    else:
        answers.show(answers.rows(summary, clock_hz))
        if summary.first:
            print(summary.first)
    return int(bool(summary.mismatches))
