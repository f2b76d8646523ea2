# TokenPose-T: no backbone, tokens are 16x12 patches of raw pixels.
_base_ = ['../../../_base_/token_heatmap_coco.py']

model = dict(
    backbone=dict(_delete_=True, type='IdentityBackbone'),
    head=dict(
        in_channels=3,
        in_featuremap_size=(192, 256),
        patch_size=(16, 12),
        encoder=dict(num_heads=16),
    ),
)
