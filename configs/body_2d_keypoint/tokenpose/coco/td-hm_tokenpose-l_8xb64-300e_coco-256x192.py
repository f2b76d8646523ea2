# TokenPose-L: three-stage HRNet-W48, 6 layers.
_base_ = ['../../../_base_/token_heatmap_coco.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='HRNetThreeStage',
        channels=48,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w48-8ef0771d.pth',
        ),
    ),
    head=dict(in_channels=48, encoder=dict(depth=6)),
)
