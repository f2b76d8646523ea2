# RTMPose-s, without what MMPose's config needs MMDetection and albumentations for.
_base_ = ['../../../_base_/rtmpose_coco.py']

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/'
            'cspnext-s_udp-aic-coco_210e-256x192-92f5a029_20230130.pth',
        ),
    ),
)
