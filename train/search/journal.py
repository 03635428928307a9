"""Results that survive: a line of JSON for each, on the disk before anything else is done."""

import hashlib
import json
import os
from pathlib import Path

from spikeloom.errors import FileError
from spikeloom.train.search.evaluate import Result
from spikeloom.train.search.space import Candidate


class Journal:
    """An append-only file of results, read when it is opened.

    A line that was cut off by a crash is dropped; lines of other models are kept and never matched.

    Parameters
    ----------
    path : of the file, made with its folder if it is not there.
    """

    def __init__(self, path: str | Path):
        self.path, self.found = Path(path), {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
            whole = content[:content.rfind(b"\n") + 1]
            for number, line in enumerate(whole.splitlines(), 1):
                self._read(line, number)
            if len(whole) < len(content):
                os.truncate(self.path, len(whole))
            self.path.touch()
        except OSError as error:
            raise FileError(f"{self.path} must be a writable file, but {error.strerror}") from None

    def get(self, digest: str, candidate: Candidate) -> Result | None:
        """What is known of a candidate in the workplace of that digest."""
        return self.found.get(key(digest, candidate))

    def add(self, digest: str, candidate: Candidate, result: Result) -> None:
        """Write a result; when this returns it is on the disk."""
        name = key(digest, candidate)
        line = json.dumps({"key": name, "candidate": candidate.to_json(), "result": result.to_json()})
        with self.path.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.found[name] = result

    def _read(self, line: bytes, number: int) -> None:
        try:
            record = json.loads(line)
            self.found[record["key"]] = Result.from_json(record["result"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise FileError(f"{self.path} must be a journal of a search, but line {number} is not of one") from None


def key(digest: str, candidate: Candidate) -> str:
    """SHA-256 of a candidate in a workplace."""
    return hashlib.sha256(f"{digest} {json.dumps(candidate.to_json(), sort_keys=True)}".encode()).hexdigest()
