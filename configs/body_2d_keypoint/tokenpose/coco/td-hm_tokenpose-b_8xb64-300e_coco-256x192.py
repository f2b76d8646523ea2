# TokenPose-B: three-stage HRNet-W32.
_base_ = ['../../../_base_/token_heatmap_coco.py', '../../../_base_/hrnet_w32.py']

model = dict(
    backbone=dict(_delete_=True, **_base_.hrnet_w32_three_stage),
    head=dict(in_channels=32),
)
