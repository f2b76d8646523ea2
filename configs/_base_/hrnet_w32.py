# The three-stage HRNet-W32 of SDPose-B and TokenPose-B, with ImageNet weights.
hrnet_w32_three_stage = dict(
    type='HRNetThreeStage',
    channels=32,
    stage1_channels=32,  # as official; the ImageNet weights of stage 1 then do not fit
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w32-36af842e.pth',
    ),
)
