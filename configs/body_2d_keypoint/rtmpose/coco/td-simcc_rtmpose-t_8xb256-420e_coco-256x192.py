# RTMPose-t, without what MMPose's config needs MMDetection and albumentations for.
_base_ = ['../../../_base_/rtmpose_coco.py']

model = dict(
    backbone=dict(
        deepen_factor=0.167,
        widen_factor=0.375,
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/'
            'cspnext-tiny_udp-aic-coco_210e-256x192-cbed682d_20230130.pth',
        ),
    ),
    head=dict(in_channels=384),
)
