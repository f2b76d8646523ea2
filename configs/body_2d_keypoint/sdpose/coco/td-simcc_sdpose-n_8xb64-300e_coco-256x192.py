# SDPose-N whose tokens give distributions over x and y instead of heatmaps.
_base_ = ['../../../_base_/token_simcc_coco.py', '../../../_base_/small_model.py']

model = dict(
    backbone=_base_.small_backbone,
    head=dict(**_base_.small_head, in_featuremap_size=(12, 16), num_cycles=2),
)
