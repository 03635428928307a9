"""The completion script, run by the shell it is for."""

import shutil
import subprocess

import pytest

from spikeloom import cli, plugins
from spikeloom.commands import completion


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """`complete(*words)` in a folder with one .qsnn: what bash offers for the last word."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "net.qsnn").touch()
    (folder / "script").write_text(completion.script("bash"))

    def run(*words: str) -> list[str]:
        lines = ["source ./script", "COMP_WORDS=(" + " ".join(f"'{word}'" for word in words) + ")",
                 f"COMP_CWORD={len(words) - 1}", "_shtab_spikeloom", 'printf "%s\\n" "${COMPREPLY[@]}"']
        done = subprocess.run(["bash", "-c", "\n".join(lines)], cwd=folder, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        return done.stdout.split()

    return run


def test_every_command(complete):
    assert complete("spikeloom", "") == plugins.names("spikeloom.commands")
    assert complete("spikeloom", "de") == ["demo", "deploy"]


def test_options_and_their_values(complete):
    assert complete("spikeloom", "build", "--swap") == ["--swappable"]
    assert complete("spikeloom", "build", "--board", "icebr") == ["icebreaker"]
    assert complete("spikeloom", "verify", "--path", "v") == ["volume"]


def test_recipes_by_the_names_that_they_are_given_by(complete):
    assert complete("spikeloom", "train", "fashion-") == ["fashion-mlp", "fashion-ulx3s85"]


def test_files(complete):
    assert complete("spikeloom", "show", "n") == ["net.qsnn"]
    assert complete("spikeloom", "show", "m") == []
    for words in (("run", "--sound"), ("search", "--data")):
        assert complete("spikeloom", *words, "n") == ["net.qsnn"]
    assert complete("spikeloom", "run", "--so") == ["--sound"]
    assert complete("spikeloom", "search", "-o", "n") == []      # a folder


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_shell_takes_it(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert "icebreaker" in text and "--swappable" in text
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not on this machine")
    checked = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_another_shell(capsys):
    with pytest.raises(SystemExit, match="^2$"):
        cli.main(["completion", "dos"])
    assert capsys.readouterr().err == ("spikeloom completion: shell must be one of bash, zsh, fish, not 'dos' "
                                       "(see spikeloom completion --help)\n")
