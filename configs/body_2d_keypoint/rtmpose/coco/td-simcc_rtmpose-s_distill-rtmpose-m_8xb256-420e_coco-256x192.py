# RTMPose-s taught by MMPose's RTMPose-m with DWPose's losses, whose weights fall to 0 along a line.
_base_ = ['./td-simcc_rtmpose-s_8xb256-420e_coco-256x192.py']

model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher='mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-m_8xb256-420e_coco-256x192.py',
    teacher_ckpt='https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/'
    'rtmpose-m_simcc-coco_pt-aic-coco_420e-256x192-d8dd5ca4_20230127.pth',
    losses=_base_.dwpose_losses,
)
optim_wrapper = dict(clip_grad=dict(max_norm=1.0))
fading = dict(type='linear', end=0, until=_base_.train_cfg.max_epochs)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='LossWeightHook', schedules=dict(features=fading, simcc=fading)),
]
