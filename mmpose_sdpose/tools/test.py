"""`mim test mmpose_sdpose CONFIG …`: MMPose's own test script, with this package registered."""

from mmpose_sdpose.tools.mmpose_script import run_mmpose_script

if __name__ == '__main__':
    run_mmpose_script('test.py')
