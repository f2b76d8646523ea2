"""`mim test mmpose_sdpose CONFIG …`: MMPose's own test script, once data and weights are checked."""

import sys

from mmpose_sdpose.tools.mmpose_script import run_mmpose_script

if __name__ == '__main__':
    sys.exit(run_mmpose_script('test.py', ['test']))
