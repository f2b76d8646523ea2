# SDPose-T on photographs, from random weights: what three times the multiply-adds bring.
_base_ = ['../../../_base_/token_heatmap_photos.py']

model = dict(
    backbone=dict(_delete_=True, type='StemNet'),
    head=dict(
        in_channels=256,
        in_featuremap_size=(48, 64),
        patch_size=(4, 3),
        encoder=dict(embed_dims=192, depth=6, num_heads=8),
        hidden_dims=384,
        num_cycles=3,
    ),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
