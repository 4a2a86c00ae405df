"""`python -m mouthpiece` is the command `mouthpiece`."""

import sys

from mouthpiece.apps.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
