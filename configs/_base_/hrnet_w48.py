# HRNet-W48 with ImageNet weights, whole or of three stages, and the augmentation that DistilPose's
# teacher was trained with: rotation clip(N(0, 40), -80, 80) degrees, scale clip(N(1, 0.5), 0.5, 1.5),
# in the words of MMPose 1.x.
imagenet = dict(
    type='Pretrained',
    checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w48-8ef0771d.pth',
)
hrnet_w48 = dict(
    type='HRNet',
    in_channels=3,
    extra=dict(
        stage1=dict(
            num_modules=1,
            num_branches=1,
            block='BOTTLENECK',
            num_blocks=(4,),
            num_channels=(64,),
        ),
        stage2=dict(
            num_modules=1,
            num_branches=2,
            block='BASIC',
            num_blocks=(4, 4),
            num_channels=(48, 96),
        ),
        stage3=dict(
            num_modules=4,
            num_branches=3,
            block='BASIC',
            num_blocks=(4, 4, 4),
            num_channels=(48, 96, 192),
        ),
        stage4=dict(
            num_modules=3,
            num_branches=4,
            block='BASIC',
            num_blocks=(4, 4, 4, 4),
            num_channels=(48, 96, 192, 384),
        ),
    ),
    init_cfg=imagenet,
)
hrnet_w48_three_stage = dict(type='HRNetThreeStage', channels=48, init_cfg=imagenet)
hrnet_augmentation = dict(
    type='RandomBBoxTransform',
    shift_factor=0.16,
    shift_prob=0.3,
    scale_factor=(0.5, 1.5),
    rotate_factor=80,
    rotate_prob=0.6,
)
