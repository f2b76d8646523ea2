"""`mim run mmpose_sdpose make_synthpose …`: the same as `python -m sdpose_synth …`."""

import sys

from sdpose_synth.__main__ import main

if __name__ == '__main__':
    sys.exit(main())
