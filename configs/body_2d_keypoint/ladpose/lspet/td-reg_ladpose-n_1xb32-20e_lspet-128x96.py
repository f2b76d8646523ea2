# LADPose-N without a teacher, its backbone from random weights.
_base_ = ['../../../_base_/token_regression_lspet.py']

model = dict(
    backbone=dict(
        _delete_=True, type='CAUNet', stem_channels=32, mid_channels=64, out_channels=128
    ),
    head=dict(in_featuremap_size=(24, 32), patch_size=(4, 4), encoder=dict(depth=3)),
)
