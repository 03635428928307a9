"""The errors a user may meet. The command line prints their one line and exits with 2; nothing else is expected."""


class SpikeloomError(ValueError):
    """A wrong value, named: the thing, the rule, the value."""


class FileError(SpikeloomError):
    """A file that cannot be read as what it claims to be."""


class FitError(SpikeloomError):
    """A design that does not fit a board, or does not meet its clock: says what is needed and what there is."""


class ToolError(SpikeloomError):
    """A tool that is missing, too old, or failed: says which, and what to install or where its log is."""


class LinkError(SpikeloomError):
    """A device that does not answer, answers garbage, or is another network's."""
