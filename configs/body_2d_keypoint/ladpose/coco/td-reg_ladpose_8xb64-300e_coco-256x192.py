# LADPose without a teacher: CAUNet and 9 layers, our reading of the paper's 4.3 M and 2.2 GFLOPs.
_base_ = ['../../../_base_/token_regression_coco.py']

model = dict(
    backbone=dict(_delete_=True, type='CAUNet'),
    head=dict(encoder=dict(depth=9)),
)
