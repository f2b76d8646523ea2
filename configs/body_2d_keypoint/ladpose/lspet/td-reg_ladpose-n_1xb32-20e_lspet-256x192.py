# LADPose-N without a teacher, its backbone from random weights.
_base_ = ['../../../_base_/token_regression_lspet-256x192.py']

model = dict(
    backbone=dict(_delete_=True, type='ThinCAUNet'),
    head=dict(encoder=dict(depth=3)),
)
