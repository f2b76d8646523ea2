# LADPose on photographs, without a teacher and from random weights.
_base_ = ['../../../_base_/token_regression_photos.py']

model = dict(
    backbone=dict(_delete_=True, type='CAUNet'),
    head=dict(
        in_channels=256,
        in_featuremap_size=(48, 64),
        patch_size=(4, 3),
        encoder=dict(embed_dims=192, depth=9, num_heads=8),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
