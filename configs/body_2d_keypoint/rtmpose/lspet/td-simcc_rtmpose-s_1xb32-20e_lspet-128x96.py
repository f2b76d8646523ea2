# RTMPose-s, which teaches the smaller one.
_base_ = ['../../../_base_/rtmpose_lspet.py']
