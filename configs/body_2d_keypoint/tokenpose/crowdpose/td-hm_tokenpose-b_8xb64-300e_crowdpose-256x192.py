# TokenPose-B: three-stage HRNet-W32.
_base_ = ['../../../_base_/token_heatmap_crowdpose.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='HRNetThreeStage',
        channels=32,
        stage1_channels=32,  # as official; the ImageNet weights of stage 1 then do not fit
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w32-36af842e.pth',
        ),
    ),
    head=dict(in_channels=32),
)
