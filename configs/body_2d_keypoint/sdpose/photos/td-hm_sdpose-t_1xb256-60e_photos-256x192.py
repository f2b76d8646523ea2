# SDPose-T on photographs, from random weights: what three times the multiply-adds bring.
_base_ = ['../../../_base_/token_heatmap_photos.py']

model = dict(
    backbone=dict(_delete_=True, type='StemNet'),
    head=dict(
        _base_.published_head,
        encoder=dict(_base_.published_head['encoder'], depth=6),
        hidden_dims=384,
        num_cycles=3,
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
