# A small LADPose on photographs, without a teacher: 3 layers where its teacher has 4.
_base_ = ['../../../_base_/token_regression_photos.py']

model = dict(
    backbone=dict(
        _delete_=True, type='CAUNet', stem_channels=32, mid_channels=64, out_channels=128
    ),
    head=dict(in_featuremap_size=(48, 64), patch_size=(4, 4), encoder=dict(depth=3)),
)
