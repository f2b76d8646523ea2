# RTMPose-s on photographs, from random weights, at its own learning rate for batches of 256.
_base_ = ['../../../_base_/token_heatmap_photos.py', '../../../_base_/rtmpose.py']

label = _base_.simcc_256x192
codec = dict(_delete_=True, **label)
model = dict(
    data_preprocessor=dict(codec=codec),
    backbone=dict(_delete_=True, **_base_.cspnext),
    head=dict(_delete_=True, **_base_.rtmcc_head_256x192),
    test_cfg=dict(_delete_=True, flip_test=True),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
