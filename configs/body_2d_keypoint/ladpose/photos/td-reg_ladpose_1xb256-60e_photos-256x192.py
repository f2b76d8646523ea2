# LADPose on photographs, without a teacher and from random weights.
_base_ = ['../../../_base_/token_regression_photos.py']

model = dict(
    backbone=dict(_delete_=True, type='CAUNet'),
    head=dict(
        _base_.published_head,
        encoder=dict(_base_.published_head['encoder'], depth=9),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
