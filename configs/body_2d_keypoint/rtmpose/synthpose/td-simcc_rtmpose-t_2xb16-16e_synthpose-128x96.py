# RTMPose-t without a teacher.
_base_ = ['../../../_base_/rtmpose_synthpose.py']

model = dict(
    backbone=dict(deepen_factor=0.167, widen_factor=0.375),
    head=dict(in_channels=384),
)
