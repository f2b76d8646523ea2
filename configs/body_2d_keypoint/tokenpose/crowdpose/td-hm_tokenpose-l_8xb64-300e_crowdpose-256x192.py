# TokenPose-L: three-stage HRNet-W48, 6 layers.
_base_ = ['../../../_base_/token_heatmap_crowdpose.py', '../../../_base_/hrnet_w48.py']

model = dict(
    backbone=dict(_delete_=True, **_base_.hrnet_w48_three_stage),
    head=dict(in_channels=48, encoder=dict(depth=6)),
)
