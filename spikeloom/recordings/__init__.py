"""Formats of recordings. Each module is one, with

* `SUFFIXES`: of its files,
* `is_one(head, suffix)`: whether a file with these first bytes and this suffix, in small letters, is one of them,
* `read(path)`: a `spikeloom.recording.Recording`; `FileError`s go on after the path: "must hold ...".
"""
