"""`python -m spikeloom` is the command `spikeloom`."""

import sys

from spikeloom.cli import main

sys.exit(main())
