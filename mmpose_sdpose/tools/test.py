"""`mim test mmpose_sdpose CONFIG …`: MMPose's own test script, once data and weights are checked."""

import sys

from mmpose_sdpose.tools.mmpose_script_help import main

if __name__ == '__main__':
    sys.exit(main('test.py', ['test']))
