# SDPose-N: half a ResNet-18 to stride 16, 4 layers over its 12x16 cells, 2 cycles.
_base_ = ['../../../_base_/token_heatmap_crowdpose.py', '../../../_base_/small_model.py']

model = dict(
    backbone=_base_.small_backbone,
    head=dict(**_base_.small_head, in_featuremap_size=(12, 16), num_cycles=2),
)
