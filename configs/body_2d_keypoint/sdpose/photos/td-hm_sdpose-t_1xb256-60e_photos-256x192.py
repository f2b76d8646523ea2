# SDPose-T on photographs: what three and a half times the multiply-adds bring. Its reported training
# began with a backbone trained by td-hm_stemnet_1xb256-60e_photos-256x192 (load_from).
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
